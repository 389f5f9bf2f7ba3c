/* SPDX-License-Identifier: ISC */
#include "base/notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define VARIABLE "NOTIFY_SOCKET"
#define SEND_S 5 /* for a supervisor whose queue is full */
#define FLUSH_MS 1000

static int
connect_to(int *fd, const char *name, struct error *err)
{
	const struct timeval patience = { .tv_sec = SEND_S };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || name[1] == '\0')
		return error_set(err, EX_UNAVAILABLE,
		    VARIABLE ": %s: neither a path nor an abstract socket",
		    name);
	if (len >= sizeof(to.sun_path))
		return error_set(err, EX_UNAVAILABLE, VARIABLE ": %s: too long",
		    name);
	memcpy(to.sun_path, name, len);
	if (name[0] == '@')
		to.sun_path[0] = '\0';
	*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*fd == -1)
		return error_sys(err, EX_OSERR, VARIABLE);
	/* unix(7): an abstract name is as long as the address says. */
	if (connect(*fd, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) ==
		-1 ||
	    setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) == -1) {
		error_sys(err, EX_UNAVAILABLE, VARIABLE ": %s", name);
		fd_drop(fd);
		return -1;
	}
	return 0;
}

int
notify_open(struct notify *n, struct error *err)
{
	const char *name = getenv(VARIABLE);
	int rc;

	n->fd = -1;
	if (name == NULL || name[0] == '\0')
		return 0;
	rc = connect_to(&n->fd, name, err);
	unsetenv(VARIABLE);
	return rc;
}

int
notify_say(const struct notify *n, const char *lines, struct error *err)
{
	ssize_t sent;

	if (n->fd == -1)
		return 0;
	do
		sent = send(n->fd, lines, strlen(lines), MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent == -1 ? error_sys(err, EX_UNAVAILABLE, VARIABLE) : 0;
}

/* sd_notify(3), BARRIER=1: whoever has read so far closes the descriptor. */
void
notify_flush(const struct notify *n)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char text[] = "BARRIER=1";
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	int64_t deadline_ms = clock_ms() + FLUSH_MS;
	struct pollfd closed = { 0 };
	int ends[2];

	if (n->fd == -1 || pipe2(ends, O_CLOEXEC) == -1)
		return;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &ends[1], sizeof(int));
	closed.fd = ends[0];
	if (sendmsg(n->fd, &msg, MSG_NOSIGNAL) != -1) {
		fd_drop(&ends[1]);
		while (poll(&closed, 1, clock_left(deadline_ms)) == -1 &&
		    errno == EINTR)
			continue;
	}
	fd_drop(&ends[1]);
	fd_drop(&ends[0]);
}

void
notify_close(struct notify *n)
{
	fd_drop(&n->fd);
}
