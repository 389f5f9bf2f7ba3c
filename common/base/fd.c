/* SPDX-License-Identifier: ISC */
#include "base/fd.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/path.h"
#include "base/sig.h"

#define REMOVE_TRIES 4 /* of a directory that is not left empty */

int
fd_read(size_t *got, int fd, void *buf, size_t len, const char *what,
    struct error *err)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		if (sig_check(err) == -1)
			return -1;
		n = read(fd, (char *)buf + done, len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_sys(err, EX_IOERR, "%s", what);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*got = done;
	return 0;
}

int
fd_pread(int fd, void *buf, size_t len, uint64_t off, const char *what,
    struct error *err)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		if (sig_check(err) == -1)
			return -1;
		n = pread(fd, (char *)buf + done, len - done,
		    (off_t)(off + done));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_sys(err, EX_IOERR, "%s", what);
		if (n == 0)
			return error_set(err, EX_DATAERR,
			    "%s: ends at byte %" PRIu64 ", %zu short", what,
			    off + done, len - done);
		done += (size_t)n;
	}
	return 0;
}

int
fd_write(int fd, const void *buf, size_t len, const char *what,
    struct error *err)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		if (sig_check(err) == -1)
			return -1;
		n = write(fd, (const char *)buf + done, len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_sys(err, EX_IOERR, "%s", what);
		done += (size_t)n;
	}
	return 0;
}

int
fd_pwrite(int fd, const void *buf, size_t len, uint64_t off, const char *what,
    struct error *err)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		if (sig_check(err) == -1)
			return -1;
		n = pwrite(fd, (const char *)buf + done, len - done,
		    (off_t)(off + done));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_sys(err, EX_IOERR, "%s", what);
		done += (size_t)n;
	}
	return 0;
}

int
fd_commit(int *fd, const char *what, struct error *err)
{
	int rc = 0;

	if (fsync(*fd) == -1)
		rc = error_sys(err, EX_IOERR, "%s", what);
	if (close(*fd) == -1 && rc == 0)
		rc = error_sys(err, EX_IOERR, "%s", what);
	*fd = -1;
	return rc;
}

void
fd_drop(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

int
fd_sync_dir(int dirfd, const char *what, struct error *err)
{
	if (fsync(dirfd) == -1 && errno != EINVAL && errno != ENOTSUP &&
	    errno != EBADF)
		return error_sys(err, EX_IOERR, "%s", what);
	return 0;
}

bool
fd_exists(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
fd_open_file(int *out, uint64_t *size, int dirfd, const char *name, int flags,
    struct error *err)
{
	struct stat st;
	int fd;

	/* O_NONBLOCK: a fifo must not hold us up before fstat has seen it. */
	fd = openat(dirfd, name,
	    flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 && (errno == ELOOP || errno == ENXIO))
		return error_set(err, EX_DATAERR, "%s: not a regular file",
		    name);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	if (fstat(fd, &st) == -1) {
		error_sys(err, EX_IOERR, "%s", name);
		fd_drop(&fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		fd_drop(&fd);
		return error_set(err, EX_DATAERR, "%s: not a regular file",
		    name);
	}
	if (size != NULL)
		*size = (uint64_t)st.st_size;
	*out = fd;
	return 0;
}

int
fd_open_path(int *out, uint64_t *size, const char *path, int flags,
    struct error *err)
{
	char *real = realpath(path, NULL);
	int rc;

	if (real == NULL)
		return error_sys(err, error_code_of(errno), "%s", path);
	rc = fd_open_file(out, size, AT_FDCWD, real, flags, err);
	free(real);
	return rc;
}

/* How much of `dir` names the mount: what is above it answers. */
static int
mount_len(const char *dir)
{
	size_t len = strlen(dir), up;
	char path[4096]; /* a longer one is named whole */
	struct stat st;

	while (len > 0 && len < sizeof(path)) {
		for (up = len; up > 0 && dir[up - 1] != '/'; up--)
			continue;
		if (up < 2)
			break;
		memcpy(path, dir, up - 1);
		path[up - 1] = '\0';
		if (stat(path, &st) == 0 || errno != ENOTCONN)
			break;
		len = up - 1;
	}
	return (int)len;
}

void
fd_hint_stale(struct error *err, const char *dir)
{
	struct error was;

	if (err == NULL || err->sys != ENOTCONN)
		return;
	was = *err;
	error_set(err, was.code, "%s (fusermount3 -u %.*s ends it)", was.msg,
	    mount_len(dir), dir);
	err->sys = was.sys;
}

int
fd_open_dir(int *out, int dirfd, const char *name, bool follow,
    struct error *err)
{
	int fd;

	fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	if (fd == -1) {
		error_sys(err, error_code_of(errno), "%s", name);
		fd_hint_stale(err, name);
		return -1;
	}
	*out = fd;
	return 0;
}

int
fd_open_parent(int *out, const char **name, const char *path, struct error *err)
{
	const char *base = path_base(path);
	char *dir = base == path ? strdup(".")
				 : strndup(path, (size_t)(base - path));
	int fd;

	if (dir == NULL)
		return error_nomem(err, path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	*name = base;
	*out = fd;
	return 0;
}

int
fd_slurp_open(char **buf, size_t *len, int fd, uint64_t size, size_t max,
    const char *what, struct error *err)
{
	size_t got = 0;
	char *text;

	if (size > max)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, more than %zu", what, size, max);
	text = malloc((size_t)size + 1);
	if (text == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	if (fd_read(&got, fd, text, (size_t)size, what, err) == -1) {
		free(text);
		return -1;
	}
	text[got] = '\0';
	*buf = text;
	if (len != NULL)
		*len = got;
	return 0;
}

int
fd_slurp(char **buf, size_t *len, int dirfd, const char *name, size_t max,
    struct error *err)
{
	uint64_t size;
	int fd, rc;

	if (fd_open_file(&fd, &size, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	rc = fd_slurp_open(buf, len, fd, size, max, name, err);
	fd_drop(&fd);
	return rc;
}

int
fd_read_all(char **buf, size_t *len, int fd, size_t max, const char *what,
    struct error *err)
{
	char *text = NULL, *grown;
	size_t cap = 4096, used = 0, got = 0;

	for (;;) {
		/* Never more than one byte beyond `max`, and one for the NUL. */
		grown = realloc(text, cap + 2);
		if (grown == NULL) {
			error_sys(err, EX_OSERR, "%s", what);
			break;
		}
		text = grown;
		if (fd_read(&got, fd, text + used, cap + 1 - used, what, err) ==
		    -1)
			break;
		used += got;
		if (used > max) {
			error_set(err, EX_DATAERR, "%s: more than %zu bytes",
			    what, max);
			break;
		}
		if (used <= cap) {
			text[used] = '\0';
			*buf = text;
			if (len != NULL)
				*len = used;
			return 0;
		}
		cap = cap < max / 2 ? 2 * cap : max;
	}
	free(text);
	return -1;
}

int
fd_replace_file(int dirfd, const char *name, const void *buf, size_t len,
    bool sync, struct error *err)
{
	char beside[300];
	int fd, rc = -1;

	snprintf(beside, sizeof(beside), ".%s.%ld", name, (long)getpid());
	fd = openat(dirfd, beside,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	if (fd_write(fd, buf, len, name, err) == -1)
		goto out;
	if (sync && fsync(fd) == -1) {
		error_sys(err, EX_IOERR, "%s", name);
		goto out;
	}
	if (close(fd) == -1) {
		fd = -1;
		error_sys(err, EX_IOERR, "%s", name);
		goto out;
	}
	fd = -1;
	if (renameat(dirfd, beside, dirfd, name) == -1) {
		error_sys(err, error_code_of(errno), "%s", name);
		goto out;
	}
	if (sync && fd_sync_dir(dirfd, name, err) == -1)
		return -1;
	rc = 0;
out:
	fd_drop(&fd);
	if (rc == -1)
		unlinkat(dirfd, beside, 0);
	return rc;
}

/* Empties the directory `name`; one level of recursion for each level of it. */
static int
empty_dir(int dirfd, const char *name, struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int fd = -1, rc;

	if (fd_open_dir(&fd, dirfd, name, false, err) == -1)
		return -1;
	rc = dir_list(&names, fd, name, err);
	for (i = 0; rc == 0 && i < names.n; i++) {
		rc = fd_remove_tree(fd, names.v[i], err);
		if (rc == -1)
			error_wrap(err, "%s", name);
	}
	strv_fini(&names);
	fd_drop(&fd);
	return rc;
}

/* A directory whose owner may not empty it, as one may come from elsewhere. */
static void
open_up(int dirfd, const char *name)
{
	char path[64];
	int fd;

	/* By a descriptor: what stands there now may be a link. */
	fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd != -1 && chmod(path, S_IRWXU) == -1)
		errno = 0;
	fd_drop(&fd);
}

int
fd_remove_tree(int dirfd, const char *name, struct error *err)
{
	struct stat st;
	int tries;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return 0;
		return error_sys(err, EX_IOERR, "%s", name);
	}
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
			return error_sys(err, error_code_of(errno), "%s", name);
		return 0;
	}
	if ((st.st_mode & S_IRWXU) != S_IRWXU)
		open_up(dirfd, name);
	/* Who has it open may make a file there once more. */
	for (tries = 0; tries < REMOVE_TRIES; tries++) {
		if (empty_dir(dirfd, name, err) == -1)
			return -1;
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
	}
	return error_sys(err, error_code_of(errno), "%s", name);
}

/* `flags`: SOCK_NONBLOCK or 0. */
static int
dial(int *out, int dirfd, const char *name, int flags, struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	/* By the directory's descriptor: roots may be longer than sun_path. */
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/%s",
	    dirfd, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd == -1)
		return error_sys(err, EX_OSERR, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		error_sys(err,
		    errno == EAGAIN       ? EX_TEMPFAIL
			: errno == EACCES ? EX_NOPERM
					  : EX_UNAVAILABLE,
		    "%s", name);
		fd_drop(&fd);
		return -1;
	}
	*out = fd;
	return 0;
}

int
fd_dial(int *out, int dirfd, const char *name, struct error *err)
{
	return dial(out, dirfd, name, 0, err);
}

int
fd_dial_now(int *out, int dirfd, const char *name, struct error *err)
{
	return dial(out, dirfd, name, SOCK_NONBLOCK, err);
}

int
fd_close_others(int from, const int *keep, size_t n)
{
	unsigned first = (unsigned)from, next;
	size_t i;

	for (;;) {
		next = ~0u;
		for (i = 0; i < n; i++)
			if ((unsigned)keep[i] >= first &&
			    (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > first &&
		    syscall(SYS_close_range, first, next - 1, 0u) == -1)
			return -1;
		if (next == ~0u)
			return 0;
		first = next + 1;
	}
}
