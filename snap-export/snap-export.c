/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/hook.h"
#include "base/outfile.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "state/refs.h"
#include "state/source.h"

#include "export.h"
#include "layers.h"
#include "list.h"
#include "options.h"
#include "report.h"
#include "todir.h"
#include "wrenn.h"

/* Everything that is open. */
struct job {
	struct root *root;
	struct source source;
	struct export export;
	struct outfile file;
	struct progress progress;
};

/* The access is noted by what is sure to read it. */
static int
open_snap(struct job *j, const struct opts *o, struct error *err)
{
	const struct source_how how = { .ref = o->snap, .keep_access = true };

	if (root_open_to_read(&j->root, o->common.root, err) == -1)
		return -1;
	return source_open(&j->source, j->root, &how, err);
}

static int
write_archive(struct job *j, struct opts *o, struct error *err)
{
	const char *what = o->out == NULL ? "standard output" : o->out;
	int fd = o->out == NULL ? STDOUT_FILENO : j->file.fd, rc;
	uint64_t bytes;

	o->how.progress = progress_show;
	o->how.arg = &j->progress;
	progress_init(&j->progress, "exported", 0, o->common.quiet);
	if (j->progress.on &&
	    export_estimate(&j->export, o->how.is_dense, err) == -1)
		return -1;
	j->progress.total_bytes = j->export.data_bytes;
	rc = export_write(&j->export, fd, what, &o->how, &bytes, err);
	progress_fini(&j->progress);
	if (rc == -1 || o->out == NULL)
		return rc;
	hook_step("export-written");
	if (outfile_publish(&j->file, OUTFILE_REPLACE, err) == -1)
		return -1;
	return report_archive(j->source.snap, j->root, o->out, bytes,
	    o->members, err);
}

static int
run(struct opts *o, struct error *err)
{
	struct job j = { .file = OUTFILE_NONE };
	char *ref = NULL;
	int dirs[3], rc = -1;
	size_t n = 0;

	if (o->list != NULL)
		return list_archive(o->list, o->members, err);
	/* Whoever names it in a pipe may be the one who makes the root. */
	if (refs_read_one(&ref, o->snap, "snapshot", err) == -1)
		return -1;
	o->snap = ref;
	if (open_snap(&j, o, err) == -1)
		goto out;
	if (o->to_dir != NULL) {
		rc = (o->is_wrenn ? wrenn_export : todir_export)(j.source.snap,
		    j.root, o->to_dir, o->common.quiet, o->members, err);
		goto out;
	}
	if (o->out != NULL &&
	    outfile_open(&j.file, o->out, OUTFILE_REPLACE, err) == -1)
		goto out;
	if (!o->is_dry_run &&
	    root_access_touch(j.root, snap_id(j.source.snap), err) == -1)
		goto out;
	if (export_begin(&j.export, j.root, j.source.snap, &o->what, err) ==
	    -1) {
		error_wrap(err, "%s", o->snap);
		goto out;
	}
	dirs[n++] = snap_fd(j.source.snap);
	if (o->out != NULL)
		dirs[n++] = j.file.dirfd;
	if (j.export.merge.made.root != NULL)
		dirs[n++] = root_kind_fd(j.root, ROOT_SNAP);
	if (sandbox_enter(dirs, n, err) == -1)
		goto out;
	if (export_prepare(&j.export, err) == -1) {
		error_wrap(err, "%s", o->snap);
		goto out;
	}
	if (!o->is_dry_run)
		layers_warn(&j.export.envelope, &j.export.layers,
		    o->what.is_cocoon);
	if (!o->is_dry_run)
		rc = write_archive(&j, o, err);
	else if (export_estimate(&j.export, o->how.is_dense, err) == 0)
		rc = report_estimate(&j.export, o->members, err);
out:
	outfile_drop(&j.file);
	export_fini(&j.export);
	source_close(&j.source);
	root_close(j.root);
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
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	return run(&o, &err) == -1 ? diag_error(&err) : EX_OK;
}
