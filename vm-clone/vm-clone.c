/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/diag.h"
#include "base/sig.h"
#include "state/refs.h"
#include "state/stage.h"

#include "clone.h"
#include "options.h"

/* The snapshot, from wherever it is; a staged one is the stage's. */
static int
open_snap(struct snap **snap, struct stage *stage, const struct opts *o,
    const struct root *root, char *const *operands, struct error *err)
{
	struct strv refs = { 0 };
	int rc = -1;

	if (o->from_dir != NULL)
		return snap_open_dir(snap, o->from_dir, err);
	if (o->archive != NULL) {
		if (o->how.name != NULL && o->how.count == 0 &&
		    root_name_check(root, ROOT_VM, o->how.name, err) == -1)
			return -1;
		return stage_open(stage, root, o->archive, o->common.quiet,
		    err);
	}
	if (refs_read(&refs, operands, 1, err) == -1)
		return -1;
	if (refs.n != 1)
		error_set(err, EX_USAGE, "%zu snapshots, one is cloned",
		    refs.n);
	else if (snap_open(snap, root, refs.v[0], err) == 0)
		rc = root_access_touch(root, snap_id(*snap), err);
	strv_fini(&refs);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { .how = { .start_us = clock_us() } };
	struct stage stage = { 0 };
	struct root *root = NULL;
	struct snap *snap = NULL;
	int code;

	sig_setup();
	code = options_parse(&o, argc, argv);
	if (code != 0) {
		strv_fini(&o.how.nics);
		return code == 1 ? opt_done() : EX_USAGE;
	}
	if (root_open(&root, o.common.root, &err) == -1 ||
	    open_snap(&snap, &stage, &o, root, argv + optind, &err) == -1) {
		diag("%s", err.msg);
		code = err.code;
	} else
		code = clone_all(&o.how, root,
		    snap == NULL ? stage.snap : snap);
	if (code == EX_OK && stage.warning[0] != '\0')
		diag("%s: warning: %s", o.archive, stage.warning);
	stage_close(&stage);
	snap_close(snap);
	root_close(root);
	strv_fini(&o.how.nics);
	return code;
}
