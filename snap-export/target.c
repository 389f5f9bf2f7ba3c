/* SPDX-License-Identifier: ISC */
#include "target.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/lock.h"

static int
check_empty(int dirfd, const char *path, struct error *err)
{
	struct strv names = { 0 };
	bool empty;

	if (dir_list(&names, dirfd, path, err) == -1)
		return -1;
	empty = names.n == 0;
	strv_fini(&names);
	return empty ? 0 : error_set(err, EX_CANTCREAT, "%s: not empty", path);
}

int
target_open(struct target *t, const char *path, struct error *err)
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

void
target_close(struct target *t)
{
	/* Only an empty directory goes, and only one that we have made. */
	if (t->is_new)
		rmdir(t->path);
	fd_drop(&t->dirfd);
}
