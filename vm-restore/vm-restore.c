/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/diag.h"
#include "base/sig.h"
#include "state/source.h"

#include "options.h"

static int
open_snap(struct source *source, struct opts *o, const struct root *root,
    struct error *err)
{
	const struct source_how how = { .ref = o->snap,
		.dir = o->from_dir,
		.archive = o->archive,
		.quiet = o->common.quiet };
	char id[ID_LEN + 1];

	/* Whether there is such a VM is told before all is read. */
	if (o->archive != NULL &&
	    root_resolve(id, root, ROOT_VM, o->vm, err) == -1)
		return -1;
	return source_open_signed(source, &o->how.verify, root, &how,
	    &o->signers, err);
}

/* *late: the status of who is not ready. */
static int
run(struct opts *o, int *late, struct error *err)
{
	const struct ready nobody = { .kind = READY_NONE };
	struct vm_at at = { .dirfd = -1 };
	struct source source = { 0 };
	struct ready_list pending = { 0 };
	struct root *root = NULL;
	int rc = -1, worst;

	*late = EX_OK;
	if (root_open_existing(&root, o->common.root, err) == -1 ||
	    open_snap(&source, o, root, err) == -1)
		goto out;
	rc = vm_at_open(&at, root, o->vm, true, opt_deadline(&o->common, 0),
	    err);
	if (rc == 0) {
		rc = restore_vm(&at, source.snap, &o->how, &pending, err);
		if (rc == -1)
			error_wrap(err, "%s", o->vm);
	}
	vm_at_close(&at);
	if (rc == 0 && source_warning(&source)[0] != '\0')
		diag("%s: warning: %s", o->archive, source_warning(&source));
out:
	source_close(&source);
	/* Also of one that runs although something failed. */
	if (pending.n > 0) {
		*late = refresh_all(&pending, &o->how.refresh, root,
		    rc == -1 && err->code > 128);
		worst = ready_list_report(&pending,
		    *late > 128 ? &nobody : &o->how.ready, root,
		    o->how.members);
		*late = *late == EX_OK || worst > 128 ? worst : *late;
	}
	ready_list_fini(&pending);
	root_close(root);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { .how = { .start_us = clock_us() } };
	int rc, status;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		status = opt_end(rc);
	else if (refresh_how_read(&o.how.refresh, &err) == -1 ||
	    run(&o, &status, &err) == -1)
		status = diag_error(&err);
	ready_fini(&o.how.ready);
	refresh_how_fini(&o.how.refresh);
	return status;
}
