/* SPDX-License-Identifier: ISC */
#include "base/lock.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

#define LOCK_NAP_MS 2 /* between two tries: a save's pause is about as long */
#define YIELD_MS 200 /* for whoever naps between two tries on a busy machine */

int
lock_fd(int fd, enum lock_mode mode, int64_t deadline_ms, const char *what,
    struct error *err)
{
	int op = (mode == LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB;

	while (flock(fd, op) == -1) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return error_sys(err, EX_OSERR, "%s: lock", what);
		if (sig_check(err) == -1)
			return -1;
		if (clock_left(deadline_ms) == 0)
			return error_set(err, EX_TEMPFAIL, "%s: busy", what);
		clock_nap(LOCK_NAP_MS);
	}
	return 0;
}

/*
 * Who waits has a mark there, a lock of another kind on its first byte, which is
 * in nobody's way: fcntl(2), open file description locks.
 */
static void
mark(int fd, short type)
{
	struct flock f = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

	fcntl(fd, F_OFD_SETLK, &f);
}

int
lock_want(int fd, int64_t deadline_ms, const char *what, struct error *err)
{
	int rc;

	if (lock_fd(fd, LOCK_EXCLUSIVE, 0, what, NULL) == 0)
		return 0;
	mark(fd, F_RDLCK);
	rc = lock_fd(fd, LOCK_EXCLUSIVE, deadline_ms, what, err);
	mark(fd, F_UNLCK);
	return rc;
}

static bool
has_mark(int fd)
{
	struct flock f = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_len = 1 };

	return fcntl(fd, F_OFD_GETLK, &f) == 0 && f.l_type != F_UNLCK;
}

bool
lock_is_wanted(int fd)
{
	return has_mark(fd);
}

void
lock_mark(int fd)
{
	mark(fd, F_WRLCK);
}

bool
lock_is_marked(int fd)
{
	return has_mark(fd);
}

void
lock_yield(int fd)
{
	int64_t until_ms = clock_ms() + YIELD_MS;

	flock(fd, LOCK_UN);
	while (lock_is_wanted(fd) && clock_left(until_ms) > 0)
		clock_nap(LOCK_NAP_MS);
}

/* Whether `fd` is still what stands at `name`. */
static bool
is_at(int fd, int dirfd, const char *name)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && held.st_nlink > 0 &&
	    fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

int
lock_dir(int *fd, int dirfd, const char *name, enum lock_mode mode,
    int64_t deadline_ms, struct error *err)
{
	int dir = -1;

	for (;;) {
		if (fd_open_dir(&dir, dirfd, name, false, err) == -1)
			return -1;
		if (lock_fd(dir, mode, deadline_ms, name, err) == -1) {
			fd_drop(&dir);
			return -1;
		}
		if (is_at(dir, dirfd, name)) {
			*fd = dir;
			return 0;
		}
		fd_drop(&dir);
	}
}
