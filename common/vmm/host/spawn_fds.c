/* SPDX-License-Identifier: ISC */
/* The descriptors that a process is started with. */
#include "vmm/host/spawn.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

void
spawn_hand(struct spawn_fds *h, int fd, int number)
{
	assert(h->n < SPAWN_FDS_MAX && number > 2 && number <= PROC_NUMBER_MAX);
	h->pairs[2 * h->n] = fd;
	h->pairs[2 * h->n + 1] = number;
	h->n++;
}

void
spawn_drop(struct spawn_fds *h)
{
	while (h->n > 0)
		fd_drop(&h->pairs[2 * --h->n]);
}

/*
 * Goes to `dirfd`; *back leads to where we were.  False: there would be no way
 * back, for one who acts as another user by now.
 */
static bool
go_in(int *back, int dirfd)
{
	*back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*back == -1)
		return false;
	if (fchdir(*back) == 0 && fchdir(dirfd) == 0)
		return true;
	fd_drop(back);
	return false;
}

/* By a process that need not come back. */
static int
bind_aside(int fd, int dirfd, const struct sockaddr_un *sun)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fchdir(dirfd) == -1 ||
			    bind(fd, (const struct sockaddr *)sun,
				sizeof(*sun)) == -1
			? errno
			: 0);
	while (pid != -1 && waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	if (pid == -1)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return errno == 0 ? 0 : -1;
}

/* By its name in `dirfd`. */
static int
bind_name(int fd, int dirfd, const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int back, rc;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	if (!go_in(&back, dirfd))
		return bind_aside(fd, dirfd, &sun);
	rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	if (fchdir(back) == -1)
		rc = -1;
	fd_drop(&back);
	return rc;
}

int
spawn_listen(struct spawn_fds *h, int dirfd, const char *name, int number,
    struct error *err)
{
	int fd;

	if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), "%s", name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return error_sys(err, EX_OSERR, "socket");
	/* The name gets the mode of the socket: Linux net/unix/af_unix.c. */
	if (fchmod(fd, 0600) == -1 || bind_name(fd, dirfd, name) == -1 ||
	    listen(fd, 16) == -1) {
		error_sys(err, error_code_of(errno), "%s", name);
		fd_drop(&fd);
		return -1;
	}
	spawn_hand(h, fd, number);
	return 0;
}

int
spawn_open_log(int *fd, uint64_t *from, int dirfd, const char *name,
    struct error *err)
{
	struct stat st;

	*fd = openat(dirfd, name,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	if (fstat(*fd, &st) == -1)
		return error_sys(err, EX_IOERR, "%s", name);
	*from = (uint64_t)st.st_size;
	return 0;
}
