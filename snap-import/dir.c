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
#include "snapshot/trailer.h"
#include "state/snap.h"

#include "ch.h"
#include "fc.h"
#include "wrenn.h"

/*
 * Files that the envelope does not name join its list; *odd: it has one.  The
 * trailer of an archive that was unpacked is no file of the snapshot.
 */
static int
add_unlisted(struct envelope *e, bool *odd, const struct strv *names,
    struct error *err)
{
	bool had_files = e->has_files;
	size_t k;

	*odd = false;
	for (k = 0; k < names->n; k++) {
		if (e->trailer && strcmp(names->v[k], ENVELOPE_TRAILER) == 0)
			continue;
		if (envelope_find_file(e, names->v[k]) != NULL)
			continue;
		*odd = *odd || had_files;
		if (envelope_add_file(e, names->v[k], err) == NULL)
			return -1;
	}
	e->has_files = true;
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
		    import_seal_file(file, m->made.dirfd, err) == -1)
			return -1;
		done += file->size_bytes;
		progress_update(&m->progress, done);
	}
	hook_step("import-copied");
	if (m->envelope.trailer &&
	    trailer_check_dir(snap_fd(snap), &m->envelope, err) == -1)
		return -1;
	m->envelope.trailer = false;
	return 0;
}

static int
import_dir(struct import *m, const char *path, const struct import_how *how,
    struct error *err)
{
	uint64_t apparent, allocated;
	struct snap *snap = NULL;
	struct strv names = { 0 };
	bool odd;
	int rc = -1;

	if (snap_open_dir(&snap, path, err) == -1)
		return -1;
	if (snap_sizes(&apparent, &allocated, snap, err) == -1 ||
	    envelope_read(&m->envelope, snap_fd(snap), err) == -1 ||
	    import_check_form(snap_fd(snap), &m->envelope, err) == -1 ||
	    snap_files(&names, snap, err) == -1 ||
	    add_unlisted(&m->envelope, &odd, &names, err) == -1)
		goto out;
	m->progress.total_bytes = apparent;
	if (copy_files(m, snap, how, err) == 0)
		rc = import_publish(m, how, err);
	if (rc == 0 && odd)
		diag("%s: warning: files that the envelope does not list",
		    path);
out:
	strv_fini(&names);
	snap_close(snap);
	return rc == -1 ? error_wrap(err, "%s", path) : 0;
}

/* What others wrote is known by its files. */
static int
import_any(struct import *m, const char *path, const struct import_how *how,
    struct error *err)
{
	int fd, rc;

	if (fd_open_dir(&fd, AT_FDCWD, path, true, err) == -1)
		return -1;
	if (ch_is(fd, how->trust_paths))
		rc = ch_import(m, path, fd, how, err);
	else if (fc_is(fd, how))
		rc = fc_import(m, path, fd, how, err);
	else if (wrenn_is(fd))
		rc = wrenn_import(m, path, fd, how, err);
	else if (how->base != NULL)
		rc = error_set(err, EX_USAGE,
		    "%s: no wrenn directory, --base is not for it", path);
	else if (how->configs != NULL)
		rc = error_set(err, EX_USAGE,
		    "%s: tells its disks itself, --storage-config is not for "
		    "it",
		    path);
	else
		rc = import_dir(m, path, how, err);
	fd_drop(&fd);
	return rc;
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
		if (import_any(&import, path, how, err) == 0)
			rc = import_report(&import, members, err);
	}
	import_fini(&import);
	return rc;
}
