/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/diag.h"
#include "base/sig.h"
#include "state/stage.h"

#include "options.h"

/* The snapshot, from wherever it is; a staged one is the stage's. */
static int
open_snap(struct snap **snap, struct stage *stage, const struct opts *o,
    const struct root *root, struct error *err)
{
	char id[ID_LEN + 1];

	if (o->from_dir != NULL)
		return snap_open_dir(snap, o->from_dir, err);
	if (o->archive != NULL) {
		/* Whether there is such a VM is told before all is read. */
		if (root_resolve(id, root, ROOT_VM, o->vm, err) == -1)
			return -1;
		return stage_open(stage, root, o->archive, o->common.quiet,
		    err);
	}
	if (snap_open(snap, root, o->snap, err) == -1)
		return -1;
	return root_access_touch(root, snap_id(*snap), err);
}

static int
run(const struct opts *o, struct error *err)
{
	struct vm_at at = { .dirfd = -1 };
	struct stage stage = { 0 };
	struct root *root = NULL;
	struct snap *snap = NULL;
	int rc = -1;

	if (root_open(&root, o->common.root, err) == -1 ||
	    open_snap(&snap, &stage, o, root, err) == -1)
		goto out;
	rc = vm_at_open(&at, root, o->vm, true,
	    o->wait_s == 0 ? 0 : clock_ms() + (int64_t)o->wait_s * 1000, err);
	if (rc == 0) {
		rc = restore_vm(&at, snap == NULL ? stage.snap : snap, &o->how,
		    err);
		if (rc == -1)
			error_wrap(err, "%s", o->vm);
	}
	vm_at_close(&at);
	if (rc == 0 && stage.warning[0] != '\0')
		diag("%s: warning: %s", o->archive, stage.warning);
out:
	stage_close(&stage);
	snap_close(snap);
	root_close(root);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };

	sig_setup();
	switch (options_parse(&o, argc, argv)) {
	case -1:
		return EX_USAGE;
	case 1:
		return opt_done();
	}
	if (run(&o, &err) == -1) {
		diag("%s", err.msg);
		return err.code;
	}
	return EX_OK;
}
