/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <string.h>

#include "state/members.h"

/* A line of --list; the rest has a record of its snapshot. */
static const struct members sign_members = { "key type namespace",
	&snap_members };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-sign [-q] [-R root] [-k key | --list | "
	    "--remove fingerprint|all]\n"
	    "           [-p member,...] [--wait duration] "
	    "(snapshot | --from-dir dir)\n");
}

static int
check_opts(struct opts *o, char *const *operands)
{
	if ((operands[0] != NULL) + (o->from_dir != NULL) != 1)
		return opt_wrong("a snapshot or --from-dir is needed, one of "
				 "them");
	if (operands[0] != NULL && operands[1] != NULL)
		return opt_wrong("%s: one snapshot at a time", operands[1]);
	if ((o->key != NULL) + o->list + (o->remove != NULL) > 1)
		return opt_wrong("%s and %s exclude each other",
		    o->key != NULL ? "-k" : "--list",
		    o->remove != NULL ? "--remove" : "--list");
	if (o->remove != NULL && strcmp(o->remove, "all") != 0 &&
	    strncmp(o->remove, "SHA256:", strlen("SHA256:")) != 0)
		return opt_wrong("--remove: %s: not a fingerprint SHA256:..., "
				 "nor all",
		    o->remove);
	o->operand = operands[0];
	return 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { FROM_DIR = OPT_OWN, LIST, REMOVE };
	static const struct option longopts[] = { OPT_LONG,
		{ "key", required_argument, NULL, 'k' },
		{ "list", no_argument, NULL, LIST },
		{ "remove", required_argument, NULL, REMOVE },
		{ "from-dir", required_argument, NULL, FROM_DIR }, OPT_ROW_WAIT,
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "k:p:", longopts)) != -1) {
		if (ch == 'k')
			rc = opt_once(&o->key, optarg, "--key");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &sign_members);
		else if (ch == LIST)
			o->list = true;
		else if (ch == REMOVE)
			rc = opt_once(&o->remove, optarg, "--remove");
		else if (ch == FROM_DIR)
			rc = opt_once(&o->from_dir, optarg, "--from-dir");
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}
