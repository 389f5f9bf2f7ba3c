/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <stdio.h>
#include <string.h>

/* Those of ssh(1) that take no argument, and that scp(1) and sftp(1) pass. */
#define FLAGS "46ACNTanstvx"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-ssh [-" FLAGS "q] [-R root] [-l user] [-i file]...\n"
	    "           [-o option]... [--timeout duration]\n"
	    "           [--print | --ssh-config] vm [--] [command [arg ...]]\n");
}

void
options_fini(struct opts *o)
{
	strv_fini(&o->flags);
	strv_fini(&o->keys);
	strv_fini(&o->options);
}

int64_t
options_wait_ms(const struct opts *o, const struct vm *vm)
{
	if (o->timeout.given)
		return (int64_t)o->timeout.ms;
	return vm->accel == VM_ACCEL_TCG ? OPTIONS_WAIT_EMULATED_MS
					 : OPTIONS_WAIT_MS;
}

static int
set_output(enum output *slot, enum output wanted)
{
	if (*slot != OUTPUT_LOGIN && *slot != wanted)
		return opt_wrong("--print and --ssh-config exclude each other");
	*slot = wanted;
	return 0;
}

static int
check_opts(struct opts *o, char *const *operands)
{
	if (operands[0] == NULL)
		return opt_wrong("no VM is named");
	o->vm = operands[0];
	o->command = operands + 1;
	if (o->command[0] != NULL && strcmp(o->command[0], "--") == 0)
		o->command++;
	if (o->output == OUTPUT_CONFIG && o->command[0] != NULL)
		return opt_wrong("%s: --ssh-config takes no command",
		    o->command[0]);
	if (o->user != NULL && (o->user[0] == '\0' || o->user[0] == '-'))
		return opt_wrong("-l: \"%s\": not a user's name", o->user);
	return 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { TIMEOUT = OPT_OWN, PRINT, CONFIG };
	static const struct option longopts[] = { OPT_LONG,
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ "print", no_argument, NULL, PRINT },
		{ "ssh-config", no_argument, NULL, CONFIG },
		{ NULL, 0, NULL, 0 } };
	char flag[] = "-?";
	int ch, rc = 0;

	/* Behind the VM is the command, with options of its own. */
	while (rc == 0 &&
	    (ch = opt_next(argc, argv,
		 "+" OPT_SHORT FLAGS "i:l:o:", longopts)) != -1) {
		if (ch == TIMEOUT)
			rc = opt_duration(&o->timeout, optarg, "--timeout");
		else if (ch == PRINT)
			rc = set_output(&o->output, OUTPUT_COMMAND);
		else if (ch == CONFIG)
			rc = set_output(&o->output, OUTPUT_CONFIG);
		else if (ch == 'l')
			rc = opt_once(&o->user, optarg, "-l");
		else if (ch == 'i')
			rc = opt_again(&o->keys, optarg);
		else if (ch == 'o')
			rc = opt_again(&o->options, optarg);
		else if (ch < OPT_OWN && ch != '?' &&
		    strchr(FLAGS, ch) != NULL) {
			flag[1] = (char)ch;
			rc = opt_again(&o->flags, flag);
		} else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}
