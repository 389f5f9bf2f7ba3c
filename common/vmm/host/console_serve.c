/* SPDX-License-Identifier: ISC */
#include "vmm/host/console_serve.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define SERVE_OUT_MAX 16384 /* bytes taken from the guest at once */
#define SERVE_IN_MAX 4096 /* bytes taken from a client at once */
#define SERVE_HELD_MAX 65536 /* bytes kept for a log without room */
#define SERVE_TICK_MS 1000 /* between two tries of what did not go */

struct server {
	struct console_fds *fds;
	int client; /* -1: none */
	char in[SERVE_IN_MAX]; /* the client's, not taken by the guest yet */
	size_t in_len;
	bool is_stuck; /* the guest took none of it since the last tick */
	char held[SERVE_HELD_MAX]; /* the guest's, not in the log yet */
	size_t held_len;
	int64_t tick_ms; /* of the next tick */
};

int
console_lock(int fd, int byte, bool held)
{
	/* Shared: an earlier process may not have ended yet. */
	struct flock lock = { .l_type = held ? F_RDLCK : F_UNLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static void
append_held(struct server *s)
{
	size_t done = console_log_append(&s->fds->log, s->held, s->held_len);

	s->held_len -= done;
	memmove(s->held, s->held + done, s->held_len);
}

static void
to_log(struct server *s, const char *buf, size_t len)
{
	size_t done = 0, room;

	if (s->held_len == 0)
		done = console_log_append(&s->fds->log, buf, len);
	buf += done;
	len -= done;
	room = sizeof(s->held) - s->held_len;
	if (len > room)
		len = room;
	memcpy(s->held + s->held_len, buf, len);
	s->held_len += len;
}

static void
drop_client(struct server *s)
{
	fd_drop(&s->client);
	console_lock(s->fds->lock, CONSOLE_LOCK_CLIENT, false);
}

static void
take_client(struct server *s)
{
	s->client = accept4(s->fds->listener, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (s->client != -1)
		console_lock(s->fds->lock, CONSOLE_LOCK_CLIENT, true);
}

/* From the guest: false when nobody is there any more. */
static bool
take_output(struct server *s)
{
	char buf[SERVE_OUT_MAX];
	ssize_t n;

	n = read(s->fds->master, buf, sizeof(buf));
	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	to_log(s, buf, (size_t)n);
	/* What does not go is not for it; that it left, its input will say. */
	if (s->client != -1)
		send(s->client, buf, (size_t)n, MSG_NOSIGNAL);
	return true;
}

static void
give_input(struct server *s)
{
	ssize_t n;

	n = write(s->fds->master, s->in, s->in_len);
	if (n <= 0)
		return;
	s->is_stuck = false;
	s->in_len -= (size_t)n;
	memmove(s->in, s->in + n, s->in_len);
}

static void
take_input(struct server *s)
{
	ssize_t n;

	n = recv(s->client, s->in, sizeof(s->in), 0);
	if (n > 0) {
		s->in_len = (size_t)n;
		s->is_stuck = false;
		s->tick_ms = clock_ms() + SERVE_TICK_MS;
		give_input(s);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		drop_client(s);
}

/* A client that left must not keep others away for input that nobody takes. */
static void
forget_stuck_client(struct server *s)
{
	struct pollfd pfd = { .fd = s->client };

	if (s->is_stuck && poll(&pfd, 1, 0) == 1 &&
	    (pfd.revents & (POLLHUP | POLLERR)) != 0)
		drop_client(s);
	s->is_stuck = true;
}

static void
tick(struct server *s)
{
	if (clock_left(s->tick_ms) > 0)
		return;
	s->tick_ms = clock_ms() + SERVE_TICK_MS;
	append_held(s);
	if (s->in_len > 0 && s->client != -1)
		forget_stuck_client(s);
}

void
console_serve(struct console_fds *fds)
{
	struct server s = { .fds = fds, .client = -1 };
	struct pollfd pfd[2];
	bool is_there = true;

	while (is_there) {
		pfd[0].fd = fds->master;
		pfd[0].events = s.in_len > 0 ? POLLIN | POLLOUT : POLLIN;
		/* No more of a client before the guest has what came. */
		pfd[1].fd = s.client == -1 ? fds->listener
		    : s.in_len > 0         ? -1
					   : s.client;
		pfd[1].events = POLLIN;
		if (poll(pfd, 2,
			s.in_len > 0 || s.held_len > 0 ? clock_left(s.tick_ms)
						       : -1) == -1)
			continue;
		if ((pfd[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			is_there = take_output(&s);
		if (s.in_len > 0)
			give_input(&s);
		if (pfd[1].fd != -1 && pfd[1].revents != 0) {
			if (s.client == -1)
				take_client(&s);
			else
				take_input(&s);
		}
		tick(&s);
	}
	append_held(&s);
	fd_drop(&s.client);
}
