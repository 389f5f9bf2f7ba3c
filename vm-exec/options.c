/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <string.h>

static const char names[] = "id name pid status stdout stderr";

const struct members exec_members = { .names = names };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-exec [-q] [-R root] [-i file] [--env name=value]... "
	    "[--cwd dir]\n"
	    "           [--timeout duration] [--detach [-p member,...]]\n"
	    "           vm [--] command [arg ...]\n"
	    "       vm-exec --all-of [-q] [-R root] [--allow-empty] [-i file]\n"
	    "           [--env name=value]... [--cwd dir] [--timeout duration]\n"
	    "           [--detach] [-p member,...] vm ... -- command [arg ...]\n");
}

void
options_fini(struct opts *o)
{
	strv_fini(&o->env);
}

/* A shell in the guest exports it: POSIX, Base Definitions, 3.216 Name. */
static int
check_env(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz_";
	static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz_0123456789";

	if (strchr(letters, text[0]) == NULL || text[0] == '\0' ||
	    text[strspn(text, more)] != '=')
		return opt_wrong("--env: \"%s\": not name=value", text);
	return 0;
}

static int
add_env(struct opts *o, const char *text)
{
	return check_env(text) == -1 ? -1 : opt_again(&o->env, text);
}

/* Behind the first "--" is the command; for one VM it may be left out. */
static int
take_operands(struct opts *o, char *const *operands)
{
	size_t n = 0;

	o->vms = operands;
	if (o->all_of) {
		while (operands[n] != NULL && strcmp(operands[n], "--") != 0)
			n++;
		if (operands[n] == NULL)
			return opt_wrong("\"--\" and a command are needed "
					 "behind the VMs of --all-of");
	} else if (operands[0] != NULL)
		n = 1;
	if (n == 0)
		return opt_wrong("no VM is named");
	o->vms_n = n;
	o->command = operands + n;
	if (o->command[0] != NULL && strcmp(o->command[0], "--") == 0)
		o->command++;
	if (o->command[0] == NULL || o->command[0][0] == '\0')
		return opt_wrong("no command is given");
	return 0;
}

static int
check_opts(struct opts *o)
{
	if (o->members != NULL && !o->all_of && !o->detach)
		return opt_wrong("-p needs --all-of or --detach: nothing else "
				 "prints a record");
	if (o->common.allow_empty && !o->all_of)
		return opt_wrong("--allow-empty needs --all-of");
	if (o->detach && o->timeout.given)
		return opt_wrong("--detach and --timeout exclude each other");
	if (o->cwd != NULL && o->cwd[0] == '\0')
		return opt_wrong("--cwd: an empty name");
	return 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { TIMEOUT = OPT_OWN, ENV, CWD, DETACH, ALL_OF };
	static const struct option longopts[] = { OPT_LONG_LIST,
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ "env", required_argument, NULL, ENV },
		{ "cwd", required_argument, NULL, CWD },
		{ "detach", no_argument, NULL, DETACH },
		{ "all-of", no_argument, NULL, ALL_OF }, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	/* Behind the VM is the command, with options of its own. */
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, "+" OPT_SHORT "i:p:", longopts)) != -1) {
		if (ch == TIMEOUT)
			rc = opt_duration(&o->timeout, optarg, "--timeout");
		else if (ch == ENV)
			rc = add_env(o, optarg);
		else if (ch == CWD)
			rc = opt_once(&o->cwd, optarg, "--cwd");
		else if (ch == DETACH)
			o->detach = true;
		else if (ch == ALL_OF)
			o->all_of = true;
		else if (ch == 'i')
			rc = opt_once(&o->input, optarg, "-i");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &exec_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc == 0)
		rc = check_opts(o);
	return rc != 0 ? rc : take_operands(o, argv + optind);
}
