/* SPDX-License-Identifier: ISC */
#include "base/diag.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "state/refs.h"
#include "state/root.h"
#include "state/snap.h"

#include "options.h"
#include "verify.h"

static int
run_dir(const struct opts *o, struct verify *v, struct error *err)
{
	struct snap *snap;
	int fd, rc;

	if (snap_open_dir(&snap, o->dir, err) == -1)
		return -1;
	fd = snap_fd(snap);
	rc = sandbox_enter(&fd, 1, err) == -1
	    ? -1
	    : verify_snap(v, snap, o->dir, err);
	snap_close(snap);
	return rc;
}

/* Verifies all it can; *err is the first failure, with an empty message. */
static int
verify_all(const struct opts *o, struct verify *v, const struct strv *refs,
    struct error *err)
{
	struct error why = { 0 };
	struct snap *snap;
	size_t i;
	int rc, first = EX_OK;

	for (i = 0; i < refs->n; i++) {
		rc = snap_open(&snap, v->root, refs->v[i], &why);
		if (rc == 0) {
			rc = verify_snap(v, snap, refs->v[i], &why);
			snap_close(snap);
		} else if (o->refs_n == 0 && why.code == EX_NOINPUT)
			rc = 0; /* removed since it was listed */
		if (sig_check(err) == -1)
			return -1;
		if (rc == -1)
			diag_failure(&first, &why);
	}
	return first == EX_OK ? 0 : error_set(err, first, "%s", "");
}

static int
run_store(const struct opts *o, struct verify *v, struct error *err)
{
	struct root *root = NULL;
	struct strv refs = { 0 };
	int found = 1, fd, rc = -1; /* 1: nothing to verify */

	if (o->refs_n > 0 &&
	    refs_read(&refs, o->refs, o->refs_n, o->common.allow_empty, err) ==
		-1)
		goto out;
	if (o->refs_n == 0)
		found = root_open_to_list(&root, o->common.root, err);
	else if (refs.n > 0)
		found = root_open_to_read(&root, o->common.root, err);
	if (found == 1)
		rc = 0;
	if (found != 0 ||
	    (o->refs_n == 0 && root_list(&refs, root, ROOT_SNAP, err) == -1))
		goto out;
	fd = root_fd(root);
	if (sandbox_enter(&fd, 1, err) == -1)
		goto out;
	v->root = root;
	rc = verify_all(o, v, &refs, err);
out:
	strv_fini(&refs);
	root_close(root);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct verify v = { 0 };
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	v.quiet = o.common.quiet;
	v.complete = o.complete;
	rc = signers_begin(&v.signers, &o.signers, &err);
	if (rc == 0)
		rc = o.dir != NULL ? run_dir(&o, &v, &err)
				   : run_store(&o, &v, &err);
	signers_end(v.signers);
	verify_fini(&v);
	return rc == -1 ? diag_error(&err) : EX_OK;
}
