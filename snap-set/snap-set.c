/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/members.h"
#include "state/refs.h"

#include "set.h"

#define READERS_MS 10000 /* for those that read it, without --wait */

struct opts {
	struct opt_common common;
	const char *members;
	struct label label;
	char *const *operands;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-set [-q] [-R root] [-n name [--replace[=rm]]] "
	    "[-d text]\n"
	    "           [-p member,...] [--wait duration] snapshot\n");
}

static int
check_opts(struct opts *o, char *const *operands)
{
	if (o->label.name == NULL && o->label.description == NULL)
		return opt_wrong("nothing to set: -n or -d is needed");
	if (operands[0] == NULL)
		return opt_wrong("no snapshot is named");
	if (operands[1] != NULL)
		return opt_wrong("%s: one snapshot at a time", operands[1]);
	if (label_check(&o->label, true) == -1)
		return -1;
	o->operands = operands;
	return 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG, LABEL_LONG,
		OPT_ROW_WAIT, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT LABEL_SHORT "p:", longopts)) !=
		-1) {
		if (label_takes(ch))
			rc = label_option(&o->label, ch, optarg);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &label_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}

static int
run(const struct opts *o, struct error *err)
{
	struct root *root = NULL;
	json_t *report = NULL;
	char *ref = NULL;
	int rc = -1;

	if (refs_read_one(&ref, o->operands[0], "snapshot", err) == 0 &&
	    root_open_existing(&root, o->common.root, err) == 0 &&
	    set_snapshot(&report, root, ref, &o->label,
		opt_deadline(&o->common, READERS_MS), err) == 0 &&
	    json_report(report, o->members, err) == 0)
		rc = json_report_end(err);
	json_decref(report);
	root_close(root);
	free(ref);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = parse_opts(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	return run(&o, &err) == -1 ? diag_error(&err) : EX_OK;
}
