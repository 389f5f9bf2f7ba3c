/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/members.h"
#include "state/refs.h"
#include "state/root.h"
#include "state/vm_at.h"

#include "save.h"

struct opts {
	struct opt_common common;
	const char *members;
	struct save_how how;
	char *const *operands;
};

static const struct members save_members = { "pause_ms frozen_ms phases.*",
	&label_members };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-save [-q] [-R root] [-n name [--replace[=rm]]] "
	    "[-d text]\n"
	    "           [-p member,...] [--freeze[=try] "
	    "[--freeze-timeout duration]]\n"
	    "           [--stop] [--wait duration] vm\n");
}

static int
check_opts(struct opts *o, char *const *operands)
{
	if (operands[0] == NULL)
		return opt_wrong("no VM is named");
	if (operands[1] != NULL)
		return opt_wrong("%s: one VM at a time", operands[1]);
	if (label_check(&o->how.label, false) == -1 ||
	    quiesce_opt_check(&o->how.quiesce) == -1)
		return -1;
	o->how.quiet = o->common.quiet;
	o->operands = operands;
	return 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { STOP = OPT_OWN, FREEZE, FREEZE_TIMEOUT };
	static const struct option longopts[] = { OPT_LONG, LABEL_LONG,
		OPT_ROW_WAIT, { "freeze", optional_argument, NULL, FREEZE },
		{ "freeze-timeout", required_argument, NULL, FREEZE_TIMEOUT },
		{ "stop", no_argument, NULL, STOP }, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT LABEL_SHORT "p:", longopts)) !=
		-1) {
		if (label_takes(ch))
			rc = label_option(&o->how.label, ch, optarg);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &save_members);
		else if (ch == FREEZE)
			rc = quiesce_opt(&o->how.quiesce, optarg);
		else if (ch == FREEZE_TIMEOUT)
			rc = quiesce_opt_timeout(&o->how.quiesce, optarg);
		else if (ch == STOP)
			o->how.stop = true;
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}

static int
save_ref(const struct opts *o, const struct root *root, const char *ref,
    struct error *err)
{
	json_t *report;
	struct vm_at at;
	int rc;

	if (vm_at_open(&at, root, ref, true, opt_deadline(&o->common, 0),
		err) == -1)
		return -1;
	rc = save_vm(&report, &at, &o->how, err);
	vm_at_close(&at);
	if (rc == -1)
		return error_wrap(err, "%s", ref);
	rc = json_report(report, o->members, err);
	json_decref(report);
	return rc;
}

static int
run(const struct opts *o, struct error *err)
{
	struct root *root = NULL;
	char *ref = NULL;
	int rc = -1;

	if (refs_read_one(&ref, o->operands[0], "VM", err) == 0 &&
	    root_open_existing(&root, o->common.root, err) == 0)
		rc = save_ref(o, root, ref, err);
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
