/* SPDX-License-Identifier: ISC */
#include "dir.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "disk/copy.h"
#include "state/snap.h"

/* Files that the envelope does not name join its list. */
static int
add_unlisted(struct envelope *e, const struct strv *names, const char *path,
    struct error *err)
{
	bool odd = false;
	size_t k;

	for (k = 0; k < names->n; k++) {
		if (envelope_find_file(e, names->v[k]) != NULL)
			continue;
		odd = odd || e->has_files;
		if (envelope_add_file(e, names->v[k], err) == NULL)
			return -1;
	}
	e->has_files = true;
	if (odd)
		diag("%s: warning: files that the envelope does not list",
		    path);
	return 0;
}

/* Digest of the copy, against the envelope's where it has one; synced. */
static int
check_copy(struct envelope_file *file, int dirfd, struct error *err)
{
	struct digest digest;
	uint64_t size;
	int fd, rc;

	if (fd_open_file(&fd, &size, dirfd, file->name, O_RDONLY, err) == -1)
		return -1;
	rc = digest_file(&digest, fd, size, file->name, err);
	if (rc == 0 && fsync(fd) == -1)
		rc = error_sys(err, EX_IOERR, "%s", file->name);
	fd_drop(&fd);
	if (rc == -1)
		return -1;
	if (file->has_digest && file->size_bytes != size)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, not %" PRIu64, file->name, size,
		    file->size_bytes);
	if (file->has_digest && !digest_equal(&digest, &file->digest))
		return error_set(err, EX_DATAERR, "%s: differs from its digest",
		    file->name);
	file->has_digest = true;
	file->size_bytes = size;
	file->digest = digest;
	return 0;
}

static int
copy_files(struct import *m, const struct snap *snap,
    const struct import_how *how, struct error *err)
{
	struct envelope_file *file;
	uint64_t done = 0;
	size_t i;

	for (i = 0; i < m->envelope.files_n; i++) {
		file = &m->envelope.files[i];
		if (how->need_digests && !file->has_digest)
			return error_set(err, EX_DATAERR, "%s: has no digest",
			    file->name);
		if (copy_file(NULL, m->made.dirfd, file->name, snap_fd(snap),
			file->name, COPY_MAY_REFLINK, err) == -1 ||
		    check_copy(file, m->made.dirfd, err) == -1)
			return -1;
		done += file->size_bytes;
		progress_update(&m->progress, done);
	}
	hook_step("import-copied");
	return 0;
}

static int
import_dir(struct import *m, const char *path, const struct import_how *how,
    struct error *err)
{
	uint64_t apparent, allocated;
	struct snap *snap = NULL;
	struct strv names = { 0 };
	int rc = -1;

	if (snap_open_dir(&snap, path, err) == -1)
		return -1;
	if (snap_sizes(&apparent, &allocated, snap, err) == -1 ||
	    envelope_read(&m->envelope, snap_fd(snap), err) == -1 ||
	    import_check_form(snap_fd(snap), &m->envelope, err) == -1 ||
	    snap_files(&names, snap, err) == -1 ||
	    add_unlisted(&m->envelope, &names, path, err) == -1)
		goto out;
	m->progress.total_bytes = apparent;
	if (copy_files(m, snap, how, err) == 0)
		rc = import_publish(m, how, err);
out:
	strv_fini(&names);
	snap_close(snap);
	return rc == -1 ? error_wrap(err, "%s", path) : 0;
}

int
import_from_dir(const char *path, const char *root,
    const struct import_how *how, bool quiet, const char *members,
    struct error *err)
{
	struct import import = { 0 };
	int rc = -1;

	if (import_begin(&import, root, how, err) == 0) {
		progress_init(&import.progress, "imported", 0, quiet);
		if (import_dir(&import, path, how, err) == 0)
			rc = import_report(&import, members, err);
	}
	import_fini(&import);
	return rc;
}
