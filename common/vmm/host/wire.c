/* SPDX-License-Identifier: ISC */
#include "vmm/host/wire.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

#define WIRE_POLL_MS 100 /* so that a signal is noticed soon */
#define WIRE_NAP_US 100 /* between two tries to connect */
#define WIRE_BUF_MIN 4096

int
wire_dial(struct wire *w, int dirfd, const char *name, bool is_coming,
    int64_t deadline_ms, struct error *err)
{
	struct error why = { 0 };

	/* connect(2) itself has no deadline. */
	while (fd_dial_now(&w->fd, dirfd, name, &why) == -1) {
		if ((why.code != EX_TEMPFAIL && !is_coming) ||
		    why.code == EX_NOPERM || clock_left(deadline_ms) == 0) {
			if (err != NULL)
				*err = why;
			return -1;
		}
		if (sig_check(err) == -1)
			return -1;
		usleep(WIRE_NAP_US);
	}
	return 0;
}

void
wire_end(struct wire *w)
{
	if (w->fd != -1)
		shutdown(w->fd, SHUT_RDWR);
	fd_drop(&w->fd);
	w->len = 0;
}

void
wire_fini(struct wire *w)
{
	fd_drop(&w->fd);
	free(w->buf);
	w->buf = NULL;
	w->len = w->cap = 0;
}

/* Waits until the socket is ready for `events`. */
static int
wait_ready(const struct wire *w, short events, int64_t deadline_ms,
    struct error *err)
{
	struct pollfd pfd = { .fd = w->fd, .events = events };
	int left, n;

	for (;;) {
		left = clock_left(deadline_ms);
		n = poll(&pfd, 1, left < WIRE_POLL_MS ? left : WIRE_POLL_MS);
		if (n > 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return error_sys(err, EX_OSERR, "poll");
		if (sig_check(err) == -1)
			return -1;
		if (left == 0)
			return error_set(err, EX_TEMPFAIL, "no answer in time");
	}
}

static int
make_room(struct wire *w, size_t max, struct error *err)
{
	size_t cap = w->cap == 0 ? WIRE_BUF_MIN : w->cap * 2;
	char *grown;

	if (w->len < w->cap)
		return 0;
	if (w->len >= max)
		return error_set(err, EX_UNAVAILABLE,
		    "message of more than %zu bytes", max);
	grown = realloc(w->buf, cap);
	if (grown == NULL)
		return error_nomem(err, NULL);
	w->buf = grown;
	w->cap = cap;
	return 0;
}

int
wire_fill(struct wire *w, size_t max, int64_t deadline_ms, struct error *err)
{
	ssize_t n;

	if (make_room(w, max, err) == -1)
		return -1;
	for (;;) {
		n = recv(w->fd, w->buf + w->len, w->cap - w->len, MSG_DONTWAIT);
		if (n > 0)
			break;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return 0;
		if (wait_ready(w, POLLIN, deadline_ms, err) == -1)
			return -1;
	}
	w->len += (size_t)n;
	return 1;
}

void
wire_use(struct wire *w, size_t n)
{
	memmove(w->buf, w->buf + n, w->len - n);
	w->len -= n;
}

/* What sendmsg(2) says; `fd` goes with the bytes unless it is -1. */
static ssize_t
send_some(const struct wire *w, const char *bytes, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (char *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (fd != -1) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	return sendmsg(w->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int
wire_send(struct wire *w, const char *bytes, size_t len, int fd,
    int64_t deadline_ms, struct error *err)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send_some(w, bytes + done, len - done, done == 0 ? fd : -1);
		if (n == -1 && errno == EAGAIN) {
			if (wait_ready(w, POLLOUT, deadline_ms, err) == -1)
				return -1;
		} else if (n == -1 && errno != EINTR)
			return 0;
		else if (n > 0)
			done += (size_t)n;
	}
	return 1;
}
