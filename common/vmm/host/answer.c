/* SPDX-License-Identifier: ISC */
#include "vmm/host/answer.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

void
answer_init(struct answer *a)
{
	size_t i;

	for (i = 0; i < ANSWER_TRIES; i++) {
		a->tries[i].fd = -1;
		a->tries[i].len = 0;
	}
	a->made = 0;
	a->sys = 0;
}

void
answer_fini(struct answer *a)
{
	size_t i;

	for (i = 0; i < ANSWER_TRIES; i++)
		fd_drop(&a->tries[i].fd);
}

/*
 * The place of the try after `made` others: every second one gets the first,
 * every fourth the second, and so on, so that each place keeps its try twice as
 * long as the one before it.
 */
static size_t
place_of(unsigned made)
{
	size_t i = 0;

	while (i < ANSWER_TRIES - 1 && (made & 1) != 0) {
		made >>= 1;
		i++;
	}
	return i;
}

bool
answer_try(struct answer *a, const struct route *route)
{
	struct answer_try *t = &a->tries[place_of(a->made++)];
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(route->port) };

	fd_drop(&t->fd);
	t->len = 0;
	if (inet_pton(AF_INET, route->addr, &to.sin_addr) != 1)
		return false;
	t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd == -1 ||
	    (connect(t->fd, (struct sockaddr *)&to, sizeof(to)) == -1 &&
		errno != EINPROGRESS)) {
		a->sys = errno;
		fd_drop(&t->fd);
	}
	return t->fd != -1;
}

/* RFC 4253, section 4.2: other lines may come before "SSH-protoversion-...". */
static bool
has_line(const struct answer_try *t)
{
	const char *p = t->text, *end = t->text + t->len;

	while (p != NULL && end - p >= 4) {
		if (memcmp(p, "SSH-", 4) == 0)
			return true;
		p = memchr(p, '\n', (size_t)(end - p));
		if (p != NULL)
			p++;
	}
	return false;
}

/* Takes what has come on a connection. */
static enum answer_seen
read_try(struct answer *a, struct answer_try *t)
{
	ssize_t n;

	n = recv(t->fd, t->text + t->len, sizeof(t->text) - t->len, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return ANSWER_NOTHING;
	if (n > 0)
		t->len += (size_t)n;
	if (n > 0 && has_line(t))
		return ANSWER_SERVER;
	if (n > 0 && t->len < sizeof(t->text))
		return ANSWER_NOTHING;
	a->sys = n == -1 ? errno : 0;
	fd_drop(&t->fd);
	return ANSWER_REFUSED;
}

enum answer_seen
answer_look(struct answer *a, int64_t until_ms)
{
	enum answer_seen seen = ANSWER_NOTHING, one;
	struct pollfd set[ANSWER_TRIES];
	size_t i;
	int n;

	do {
		for (i = 0; i < ANSWER_TRIES; i++)
			set[i] = (struct pollfd){ .fd = a->tries[i].fd,
				.events = POLLIN };
		n = poll(set, ANSWER_TRIES, clock_left(until_ms));
		for (i = 0; n > 0 && i < ANSWER_TRIES; i++) {
			one = set[i].revents == 0 ? ANSWER_NOTHING
						  : read_try(a, &a->tries[i]);
			seen = one > seen ? one : seen;
		}
	} while (seen == ANSWER_NOTHING && clock_left(until_ms) > 0 &&
	    sig_check(NULL) == 0);
	return seen;
}
