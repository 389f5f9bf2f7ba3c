/* SPDX-License-Identifier: ISC */
#include "archive/unpack.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "dir.h"
#include "import.h"
#include "layer.h"
#include "options.h"

static int
take_archive(struct intake *in, struct opts *o, const char *what,
    struct error *err)
{
	int dir, fd = -1, rc = -1;
	uint64_t size = 0;

	if (root_become_owner(o->common.root, err) == -1 ||
	    unpack_open(&fd, &size, o->file, err) == -1 ||
	    signers_begin(&in->signers, &o->how.signers, err) == -1 ||
	    intake_begin(in, o->common.root, &o->how, err) == -1 ||
	    layer_bring_all(in, &o->how, &o->layers, err) == -1)
		goto out;
	dir = root_fd(in->root);
	if (sandbox_enter(&dir, 1, err) == -1)
		goto out;
	progress_init(&in->progress, "imported", size, o->common.quiet);
	rc = import_archive(in, fd, &o->how, err);
	if (rc == -1)
		error_wrap(err, "%s", what);
out:
	fd_drop(&fd);
	return rc;
}

static int
take_dir(struct intake *in, struct opts *o, struct error *err)
{
	if (signers_begin(&in->signers, &o->how.signers, err) == -1 ||
	    intake_begin(in, o->common.root, &o->how, err) == -1 ||
	    layer_bring_all(in, &o->how, &o->layers, err) == -1)
		return -1;
	progress_init(&in->progress, "imported", 0, o->common.quiet);
	return import_from_dir(in, o->from_dir, &o->how, err);
}

static int
run(struct opts *o, struct error *err)
{
	const char *what = o->from_dir != NULL ? o->from_dir
	    : o->file != NULL                  ? o->file
					       : "standard input";
	struct intake in = { 0 };
	int rc;

	if (o->layer_alone)
		return layer_import(o->common.root, o->layers.v[0], o->members,
		    o->common.quiet, err);
	rc = o->from_dir != NULL ? take_dir(&in, o, err)
				 : take_archive(&in, o, what, err);
	if (rc == 0 && in.warning[0] != '\0')
		diag("%s: warning: %s", what, in.warning);
	if (rc == 0)
		rc = import_report(&in, o->members, &o->how.label, err);
	intake_fini(&in);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		rc = opt_end(rc);
	else if (run(&o, &err) == -1)
		rc = diag_error(&err);
	strv_fini(&o.layers);
	layer_list_fini(&o.how.layers);
	return rc;
}
