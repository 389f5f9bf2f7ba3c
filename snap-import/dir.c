/* SPDX-License-Identifier: ISC */
#include "dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "disk/copy.h"
#include "snapshot/signed_part.h"
#include "snapshot/trailer.h"
#include "state/snap.h"

#include "import.h"
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
		/* These lie beside the envelope in a store. */
		if (!signed_part_leaves_out(names->v[k]))
			*odd = *odd || had_files;
		if (envelope_add_file(e, names->v[k], err) == NULL)
			return -1;
	}
	e->has_files = true;
	return 0;
}

static int
copy_files(struct intake *in, const struct snap *snap,
    const struct intake_how *how, struct error *err)
{
	struct envelope_file *file;
	uint64_t done = 0;
	size_t i;

	for (i = 0; i < in->envelope.files_n; i++) {
		file = &in->envelope.files[i];
		if (how->need_digests && !file->has_digest &&
		    !signed_part_leaves_out(file->name))
			return error_set(err, EX_DATAERR, "%s: has no digest",
			    file->name);
		if (copy_file(NULL, in->made.dirfd, file->name, snap_fd(snap),
			file->name, COPY_MAY_REFLINK, err) == -1 ||
		    intake_seal_file(file, in->made.dirfd, err) == -1)
			return -1;
		done += file->size_bytes;
		progress_update(&in->progress, done);
	}
	hook_step("import-copied");
	if (in->envelope.trailer &&
	    trailer_check_dir(snap_fd(snap), &in->envelope, err) == -1)
		return -1;
	in->envelope.trailer = false;
	return 0;
}

/* A directory with an envelope, of ours or of cocoon. */
static int
take_snapshot(struct intake *in, const char *path, int dirfd,
    const struct intake_how *how, struct error *err)
{
	uint64_t apparent, allocated;
	struct snap *snap = NULL;
	struct strv names = { 0 };
	bool odd;
	int rc = -1;

	if (how->base != NULL)
		return error_set(err, EX_USAGE,
		    "no wrenn directory, --base is not for it");
	if (how->configs != NULL)
		return error_set(err, EX_USAGE,
		    "tells its disks itself, --storage-config is not for it");
	if (envelope_read(&in->envelope, dirfd, err) == -1 ||
	    snap_open_dir(&snap, path, err) == -1)
		return -1;
	if (snap_sizes(&apparent, &allocated, snap, err) == -1 ||
	    signers_check_dir(in->signers, dirfd, &in->envelope, err) == -1 ||
	    intake_check_form(snap_fd(snap), &in->envelope, err) == -1 ||
	    snap_files(&names, snap, err) == -1)
		goto out;
	intake_note_signed(in, &in->envelope);
	if (add_unlisted(&in->envelope, &odd, &names, err) == -1)
		goto out;
	in->progress.total_bytes = apparent;
	rc = copy_files(in, snap, how, err);
	if (odd)
		snprintf(in->warning, sizeof(in->warning),
		    "files that the envelope does not list");
out:
	strv_fini(&names);
	snap_close(snap);
	return rc;
}

/* What the driver of its VMM knows. */
static int
take_vmm(struct intake *in, const char *path, int dirfd,
    const struct intake_how *how, struct error *err)
{
	(void)path;
	return vmm_import(in, dirfd, how, err);
}

static bool
is_any(int dirfd, const struct intake_how *how)
{
	(void)dirfd;
	(void)how;
	return true;
}

/* What others wrote is known by its files; the first that knows it has it. */
static const struct {
	bool (*is)(int dirfd, const struct intake_how *how);
	int (*take)(struct intake *in, const char *path, int dirfd,
	    const struct intake_how *how, struct error *err);
} sources[] = {
	{ vmm_can_import, take_vmm },
	{ wrenn_is, wrenn_import },
	{ is_any, take_snapshot },
};

int
import_from_dir(struct intake *in, const char *path,
    const struct intake_how *how, struct error *err)
{
	size_t i = 0;
	int fd, rc;

	if (fd_open_dir(&fd, AT_FDCWD, path, true, err) == -1)
		return -1;
	/*
	 * Before a byte is read; wrenn's, which is known by names alone, first
	 * opens what lies elsewhere, and then encloses itself.
	 */
	rc = wrenn_is(fd, how) && !vmm_can_import(fd, how)
	    ? 0
	    : intake_enclose(in, fd, how, err);
	while (!sources[i].is(fd, how))
		i++;
	if (rc == 0 && in->signers != NULL && sources[i].take != take_snapshot)
		rc = error_set(err, EX_NOPERM,
		    "refused: not signed: another program's, which an import "
		    "makes anew");
	if (rc == 0)
		rc = sources[i].take(in, path, fd, how, err);
	fd_drop(&fd);
	if (rc == 0)
		rc = import_publish(in, how, err);
	return rc == -1 ? error_wrap(err, "%s", path) : 0;
}
