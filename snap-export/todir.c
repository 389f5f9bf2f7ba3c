/* SPDX-License-Identifier: ISC */
#include "todir.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/progress.h"
#include "disk/copy.h"
#include "snapshot/signed_part.h"

#include "export.h"
#include "layers.h"
#include "report.h"
#include "target.h"

/* One file, synced; the bytes of it that hold data are counted. */
static int
put_file(const struct target *t, const struct snap *snap, const char *name,
    struct error *err)
{
	int fd, rc = 0;

	if (copy_file(NULL, t->dirfd, name, snap_fd(snap), name,
		COPY_MAY_REFLINK, err) == -1)
		return -1;
	if (fd_open_file(&fd, NULL, t->dirfd, name, O_RDONLY, err) == -1)
		return -1;
	if (fsync(fd) == -1)
		rc = error_sys(err, EX_IOERR, "%s", name);
	fd_drop(&fd);
	hook_step("todir-file");
	return rc;
}

/* A layer is wherever it was found, and open. */
static int
put_layer(const struct target *t, const struct layer_file *layer,
    struct error *err)
{
	struct error why = { 0 };
	struct stat st;
	int fd, rc;

	fd = openat(t->dirfd, layer->name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", layer->name);
	rc = copy_reflink(fd, layer->fd, layer->name, &why);
	if (rc == -1 && why.code != EX_UNAVAILABLE) {
		if (err != NULL)
			*err = why;
	} else if (rc == -1)
		rc = fstat(layer->fd, &st) == -1
		    ? error_sys(err, EX_IOERR, "%s", layer->name)
		    : copy_extents(fd, layer->fd, (uint64_t)st.st_size, NULL,
			  NULL, layer->name, err);
	if (rc == 0)
		rc = fd_commit(&fd, layer->name, err);
	fd_drop(&fd);
	if (rc == -1)
		unlinkat(t->dirfd, layer->name, 0);
	hook_step("todir-file");
	return rc;
}

/* All of them, counted in *made; then the envelope that names them. */
static int
put_all(const struct target *t, const struct export *x,
    const struct strv *names, size_t *made, struct progress *progress,
    struct error *err)
{
	uint64_t done = 0;
	struct stat st;
	size_t i, n = names->n;

	for (i = 0; i < n + x->layers.n; i++) {
		const char *name = i < n ? names->v[i]
					 : x->layers.v[i - n].name;

		if ((i < n ? put_file(t, x->snap, name, err)
			   : put_layer(t, &x->layers.v[i - n], err)) == -1)
			return -1;
		*made = i + 1;
		if (fstatat(t->dirfd, name, &st, 0) == 0)
			done += (uint64_t)st.st_size;
		progress_update(progress, done);
	}
	hook_step("todir-files");
	return envelope_write(t->dirfd,
	    x->layers.n == 0 ? snap_envelope(x->snap) : &x->envelope, err);
}

/* What is there of the snapshot; what lies beside it goes along with the layers. */
static int
list_files(struct strv *names, const struct export *x, struct error *err)
{
	struct strv all = { 0 };
	int rc = snap_files(&all, x->snap, err);
	size_t i;

	for (i = 0; i < all.n && rc == 0; i++)
		if (!signed_part_leaves_out(all.v[i]) ||
		    envelope_find_file(snap_envelope(x->snap), all.v[i]) !=
			NULL)
			rc = strv_add(names, err, "%s", all.v[i]);
	strv_fini(&all);
	return rc;
}

static int
fill(struct target *t, const struct export *x, struct progress *progress,
    struct error *err)
{
	struct strv names = { 0 };
	size_t i, made = 0;
	int rc;

	if (list_files(&names, x, err) == -1) {
		strv_fini(&names);
		return -1;
	}
	rc = put_all(t, x, &names, &made, progress, err);
	for (i = 0; rc == -1 && i < made; i++)
		unlinkat(t->dirfd,
		    i < names.n ? names.v[i] : x->layers.v[i - names.n].name,
		    0);
	strv_fini(&names);
	if (rc == 0) {
		t->is_new = false;
		return fd_sync_dir(t->dirfd, t->path, err);
	}
	if (err != NULL && err->code != EX_NOINPUT)
		error_wrap(err, "%s", t->path);
	return -1;
}

int
todir_export(const struct snap *snap, const struct root *root, const char *path,
    bool quiet, const char *members, struct error *err)
{
	const struct export_how how = { .with_layers = true };
	struct target to = TARGET_NONE;
	uint64_t apparent, allocated;
	struct progress progress;
	struct export x;
	size_t i;
	int rc = -1;

	if (export_begin(&x, root, snap, &how, err) == -1) {
		error_wrap(err, "%s", snap_id(snap));
		goto out;
	}
	if (target_open(&to, path, err) == -1 ||
	    root_access_touch(root, snap_id(snap), err) == -1 ||
	    snap_sizes(&apparent, &allocated, snap, err) == -1)
		goto out;
	for (i = 0; i < x.envelope.files_n; i++)
		if (layer_files_fd(&x.layers, x.envelope.files[i].name) != -1)
			apparent += x.envelope.files[i].size_bytes;
	layers_warn(&x.envelope, &x.layers, false);
	progress_init(&progress, "exported", apparent, quiet);
	rc = fill(&to, &x, &progress, err);
	progress_fini(&progress);
out:
	target_close(&to);
	export_fini(&x);
	return rc == -1 ? -1
			: report_dir(snap, root, "to_dir", path, members, err);
}
