/* SPDX-License-Identifier: ISC */
#include "todir.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/lock.h"
#include "base/progress.h"
#include "disk/copy.h"

#include "report.h"

struct todir { /* { .dirfd = -1 } is none */
	const char *path; /* borrowed */
	int dirfd; /* locked: one export fills it */
	bool is_new; /* made by us */
};

static int
check_empty(int dirfd, const char *path, struct error *err)
{
	struct dirent *de;
	bool empty = true;
	DIR *dir;
	int fd;

	if (fd_open_dir(&fd, dirfd, ".", false, err) == -1)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		fd_drop(&fd);
		return error_set(err, EX_OSERR, "out of memory");
	}
	while (empty && (de = readdir(dir)) != NULL)
		empty = strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0;
	closedir(dir);
	return empty ? 0 : error_set(err, EX_CANTCREAT, "%s: not empty", path);
}

static int
open_target(struct todir *t, const char *path, struct error *err)
{
	t->path = path;
	t->is_new = mkdir(path, 0700) == 0;
	if (!t->is_new && errno != EEXIST)
		return error_sys(err,
		    errno == ENOSPC || errno == EDQUOT ? EX_IOERR
						       : EX_CANTCREAT,
		    "%s", path);
	if (fd_open_dir(&t->dirfd, AT_FDCWD, path, true, err) == -1) {
		if (err != NULL)
			err->code = EX_CANTCREAT;
		return -1;
	}
	if (lock_fd(t->dirfd, LOCK_EXCLUSIVE, 0, path, err) == -1) {
		t->is_new = false;
		return -1;
	}
	return check_empty(t->dirfd, path, err);
}

/* One file, synced; the bytes of it that hold data are counted. */
static int
put_file(const struct todir *t, const struct snap *snap, const char *name,
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
fill(struct todir *t, const struct snap *snap, struct progress *progress,
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

static void
close_target(struct todir *t)
{
	/* Only an empty directory goes, and only one that we have made. */
	if (t->is_new)
		rmdir(t->path);
	fd_drop(&t->dirfd);
}

int
todir_export(const struct snap *snap, const struct root *root, const char *path,
    bool quiet, const char *members, struct error *err)
{
	struct todir to = { .dirfd = -1 };
	uint64_t apparent, allocated;
	struct progress progress;
	int rc = -1;

	if (open_target(&to, path, err) == -1 ||
	    root_access_touch(root, snap_id(snap), err) == -1 ||
	    snap_sizes(&apparent, &allocated, snap, err) == -1)
		goto out;
	progress_init(&progress, "exported", apparent, quiet);
	rc = fill(&to, snap, &progress, err);
	progress_fini(&progress);
out:
	close_target(&to);
	return rc == -1 ? -1 : report_dir(snap, root, path, members, err);
}
