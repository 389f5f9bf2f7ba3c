/* SPDX-License-Identifier: ISC */
#include "options.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-verify [-q] [-R dir] [--allow-empty] [--complete]\n"
	    "           " SIGNERS_USAGE "\n"
	    "           [--from-dir dir | --all | snapshot ...]\n");
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { FROM_DIR = OPT_OWN, COMPLETE };
	static const struct option longopts[] = { OPT_LONG_LIST, OPT_ROW_ALL,
		{ "from-dir", required_argument, NULL, FROM_DIR },
		{ "complete", no_argument, NULL, COMPLETE }, SIGNERS_LONG,
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (
	    rc == 0 && (ch = opt_next(argc, argv, OPT_SHORT, longopts)) != -1) {
		if (ch == FROM_DIR)
			rc = opt_once(&o->dir, optarg, "--from-dir");
		else if (ch == COMPLETE)
			o->complete = true;
		else if (signers_takes(ch))
			rc = signers_option(&o->signers, ch, optarg);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	o->refs = argv + optind;
	o->refs_n = (size_t)(argc - optind);
	if (rc == 0)
		rc = signers_check_option(&o->signers);
	if (rc == 0 && o->dir != NULL && (o->refs_n > 0 || o->common.all))
		return opt_wrong("--from-dir and %s exclude each other",
		    o->common.all ? "--all" : "a snapshot");
	if (rc == 0 && o->common.all)
		return opt_operands(&o->common, o->refs_n, "snapshot");
	return rc;
}
