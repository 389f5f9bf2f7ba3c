/* SPDX-License-Identifier: ISC */
#include "ctl.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sig.h"

int
ctl_poll(struct pollfd *p, nfds_t n, int64_t timeout_ms)
{
	const struct timespec t = { .tv_sec = (time_t)(timeout_ms / 1000),
		.tv_nsec = (long)(timeout_ms % 1000) * 1000000 };
	sigset_t stop, old;
	int rc = -1;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	sigprocmask(SIG_BLOCK, &stop, &old);
	if (sig_check(NULL) == 0)
		rc = ppoll(p, n, timeout_ms == INT64_MAX ? NULL : &t, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return rc;
}

int
ctl_pair(int fd[2], struct error *err)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1
	    ? error_sys(err, EX_OSERR, "socketpair")
	    : 0;
}

void
ctl_put(int fd, const struct error *said)
{
	while (
	    send(fd, said, sizeof(*said), MSG_NOSIGNAL) == -1 && errno == EINTR)
		continue;
}

int
ctl_get(int fd, struct error *said, struct error *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (ctl_poll(&p, 1, INT64_MAX) == -1)
		if (sig_check(err) == -1)
			return -1;
	if (recv(fd, said, sizeof(*said), 0) != (ssize_t)sizeof(*said))
		return error_set(err, EX_SOFTWARE,
		    "the process that mounts has ended without a word");
	said->msg[sizeof(said->msg) - 1] = '\0';
	return 0;
}

int
ctl_put_fd(int fd, int what, struct error *err)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &what, sizeof(int));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == -1
	    ? error_sys(err, EX_OSERR, "mount")
	    : 0;
}

int
ctl_get_fd(int *what, int fd, struct error *err)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) != 1 ||
	    CMSG_FIRSTHDR(&msg) == NULL ||
	    control.head.cmsg_type != SCM_RIGHTS ||
	    control.head.cmsg_len != CMSG_LEN(sizeof(int)))
		return error_set(err, EX_OSERR, "no mount came");
	memcpy(what, CMSG_DATA(&control.head), sizeof(int));
	return 0;
}

int
ctl_silence(struct error *err)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), rc = 0, i;

	if (fd == -1)
		return error_sys(err, EX_OSERR, "/dev/null");
	for (i = 0; i < 3 && rc == 0; i++)
		if (dup2(fd, i) == -1)
			rc = error_sys(err, EX_OSERR, "/dev/null");
	if (fd > 2)
		fd_drop(&fd);
	return rc;
}
