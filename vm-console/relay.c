/* SPDX-License-Identifier: ISC */
#include "relay.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

#define POLL_MS 100 /* so that a signal is noticed soon */

struct relay {
	int fd;
	bool keys;
	char in[4096]; /* from the user, not sent yet */
	size_t in_len;
	bool in_over; /* no more will come */
	bool detached;
	int64_t silent_at, linger_until; /* base/clock, once in_over */
};

static void
end_input(struct relay *r)
{
	r->in_over = true;
	r->silent_at = clock_ms() + RELAY_SILENT_MS;
	r->linger_until = clock_ms() + RELAY_LINGER_MS;
}

static int
read_user(struct relay *r, struct error *err)
{
	const char *detach = NULL;
	ssize_t n;

	n = read(STDIN_FILENO, r->in, sizeof(r->in));
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	/* A terminal that hangs up reads as an error. */
	if (n == -1 && !r->keys)
		return error_sys(err, EX_IOERR, "standard input");
	if (n <= 0) {
		r->detached = r->keys;
		end_input(r);
		return 0;
	}
	r->in_len = (size_t)n;
	if (r->keys)
		detach = memchr(r->in, RELAY_DETACH, r->in_len);
	if (detach != NULL) {
		r->in_len = (size_t)(detach - r->in);
		r->detached = true;
	}
	return 0;
}

/* Sends what the guest takes just now: 0, or 1 when the console closed. */
static int
send_guest(struct relay *r)
{
	ssize_t n;

	n = send(r->fd, r->in, r->in_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : 1;
	r->in_len -= (size_t)n;
	memmove(r->in, r->in + n, r->in_len);
	return 0;
}

/* What the guest says: 0, 1 when the console closed, -1. */
static int
read_guest(struct relay *r, struct error *err)
{
	char buf[16384];
	ssize_t n;

	n = recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : 1;
	if (n == 0)
		return 1;
	r->silent_at = clock_ms() + RELAY_SILENT_MS;
	return fd_write(STDOUT_FILENO, buf, (size_t)n, "standard output", err);
}

/* Whether the VMM has still to read what was sent. */
static bool
is_unread(const struct relay *r)
{
	int left;

	return r->in_len > 0 ||
	    (ioctl(r->fd, SIOCOUTQ, &left) == 0 && left > 0);
}

/* After the user's last byte: 1 enough was heard, 0 go on, -1. */
static int
is_over(struct relay *r, struct error *err)
{
	if (clock_left(r->linger_until) > 0)
		return !is_unread(r) && clock_left(r->silent_at) == 0;
	if (is_unread(r))
		return error_set(err, EX_TEMPFAIL,
		    "the guest does not take its input");
	return 1;
}

/* Waits, and does what can be done: 0, 1 when the console closed, -1. */
static int
turn(struct relay *r, struct error *err)
{
	struct pollfd fds[2] = {
		{ .fd = r->fd, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	int rc = 0;

	if (r->in_len > 0)
		fds[0].events |= POLLOUT;
	/* Not a byte more before the last ones are sent. */
	if (r->in_len > 0 || r->in_over)
		fds[1].fd = -1;
	if (poll(fds, 2, POLL_MS) == -1)
		return errno == EINTR ? 0 : error_sys(err, EX_OSERR, "poll");
	if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		rc = read_guest(r, err);
	if (rc == 0 && fds[1].revents != 0)
		rc = read_user(r, err);
	if (rc == 0 && r->in_len > 0)
		rc = send_guest(r);
	return rc;
}

int
relay(enum relay_end *end, int fd, bool keys, struct error *err)
{
	struct relay r = { .fd = fd, .keys = keys };
	int rc = 0;

	while (sig_check(err) == 0) {
		rc = turn(&r, err);
		if (rc == -1)
			return -1;
		*end = RELAY_CLOSED;
		if (rc == 1)
			return 0;
		*end = RELAY_DETACHED;
		if (r.detached)
			return 0;
		*end = RELAY_DONE;
		rc = r.in_over ? is_over(&r, err) : 0;
		if (rc != 0)
			return rc == 1 ? 0 : -1;
	}
	return -1;
}
