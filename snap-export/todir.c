/* SPDX-License-Identifier: ISC */
#include "todir.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/progress.h"
#include "disk/copy.h"

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

static int
fill(struct target *t, const struct snap *snap, struct progress *progress,
    struct error *err)
{
	struct strv names = { 0 };
	uint64_t done = 0;
	size_t i, made = 0;
	struct stat st;
	int rc = -1;

	if (snap_files(&names, snap, err) == -1)
		return -1;
	for (i = 0; i < names.n; i++) {
		if (put_file(t, snap, names.v[i], err) == -1)
			goto out;
		made++;
		if (fstatat(t->dirfd, names.v[i], &st, 0) == 0)
			done += (uint64_t)st.st_size;
		progress_update(progress, done);
	}
	hook_step("todir-files");
	rc = envelope_write(t->dirfd, snap_envelope(snap), err);
out:
	for (i = 0; rc == -1 && i < made; i++)
		unlinkat(t->dirfd, names.v[i], 0);
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
	struct target to = TARGET_NONE;
	uint64_t apparent, allocated;
	struct progress progress;
	int rc = -1;

	if (target_open(&to, path, err) == -1 ||
	    root_access_touch(root, snap_id(snap), err) == -1 ||
	    snap_sizes(&apparent, &allocated, snap, err) == -1)
		goto out;
	progress_init(&progress, "exported", apparent, quiet);
	rc = fill(&to, snap, &progress, err);
	progress_fini(&progress);
out:
	target_close(&to);
	return rc == -1 ? -1
			: report_dir(snap, root, "to_dir", path, members, err);
}
