/* SPDX-License-Identifier: ISC */
#include "fetcher.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

#include "thread.h"

struct list {
	struct fetch *first, **end;
};

struct fetcher {
	struct transport *from; /* the thread's alone */
	int given, come; /* eventfd(2): something is in `in`, in `out` */
	pthread_mutex_t lock;
	/* With the lock. */
	struct list in, out;
	uint64_t n, bytes;
};

static void
append(struct list *list, struct fetch *fetch)
{
	fetch->next = NULL;
	*list->end = fetch;
	list->end = &fetch->next;
}

static struct fetch *
take_first(struct list *list)
{
	struct fetch *fetch = list->first;

	if (fetch == NULL)
		return NULL;
	list->first = fetch->next;
	if (list->first == NULL)
		list->end = &list->first;
	return fetch;
}

/* Makes an eventfd readable, and not. */
static void
ring(int event)
{
	const uint64_t one = 1;

	while (write(event, &one, sizeof(one)) == -1 && errno == EINTR)
		continue;
}

static void
hush(int event)
{
	uint64_t n;

	while (read(event, &n, sizeof(n)) == -1 && errno == EINTR)
		continue;
}

/* What was given meanwhile. */
static struct fetch *
take_given(struct fetcher *f)
{
	struct fetch *given;

	/* First: what comes later makes it readable again. */
	hush(f->given);
	pthread_mutex_lock(&f->lock);
	given = f->in.first;
	f->in.first = NULL;
	f->in.end = &f->in.first;
	pthread_mutex_unlock(&f->lock);
	return given;
}

static void
hand_back(struct fetcher *f, struct fetch *fetch)
{
	pthread_mutex_lock(&f->lock);
	append(&f->out, fetch);
	f->n = f->from->got_n;
	f->bytes = f->from->got_bytes;
	pthread_mutex_unlock(&f->lock);
	ring(f->come);
}

static void
ask(struct fetcher *f, struct list *away, struct fetch *given)
{
	struct fetch *next;

	for (; given != NULL; given = next) {
		next = given->next;
		given->rc = transport_ask(f->from, &given->range, &given->err);
		if (given->rc == -1)
			hand_back(f, given);
		else
			append(away, given);
	}
}

/* Hands back what has come, in whatever order; false: nothing. */
static bool
collect(struct fetcher *f, struct list *away)
{
	struct list left = { .first = NULL };
	struct fetch *fetch;
	bool any = false;

	left.end = &left.first;
	while ((fetch = take_first(away)) != NULL) {
		/* On a disk one at a time, so that what is given is asked for. */
		if ((any && transport_fd(f->from) == -1) ||
		    !transport_has_come(f->from, &fetch->range)) {
			append(&left, fetch);
			continue;
		}
		fetch->rc = transport_await(f->from, &fetch->range,
		    &fetch->err);
		hand_back(f, fetch);
		any = true;
	}
	away->first = left.first;
	away->end = left.first == NULL ? &away->first : left.end;
	return any;
}

static void *
run(void *arg)
{
	struct fetcher *f = arg;
	struct list away = { .first = NULL };
	struct pollfd p[] = { { .fd = f->given, .events = POLLIN },
		{ .events = POLLIN } };

	away.end = &away.first;
	for (;;) {
		ask(f, &away, take_given(f));
		if (collect(f, &away))
			continue;
		p[1].fd = away.first == NULL ? -1 : transport_fd(f->from);
		poll(p, 2, -1);
	}
	return NULL;
}

int
fetcher_start(struct fetcher **out, struct transport *from, struct error *err)
{
	struct fetcher *f = calloc(1, sizeof(*f));
	int rc = -1;

	if (f == NULL)
		return error_nomem(err, "fetcher");
	f->from = from;
	f->n = from->got_n;
	f->bytes = from->got_bytes;
	f->in.end = &f->in.first;
	f->out.end = &f->out.first;
	pthread_mutex_init(&f->lock, NULL);
	f->given = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->come = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->given == -1 || f->come == -1)
		error_sys(err, EX_OSERR, "eventfd");
	else
		rc = thread_start(run, f, err);
	if (rc == -1) {
		fd_drop(&f->given);
		fd_drop(&f->come);
		free(f);
		return -1;
	}
	*out = f;
	return 0;
}

void
fetcher_give(struct fetcher *f, struct fetch *fetch)
{
	pthread_mutex_lock(&f->lock);
	append(&f->in, fetch);
	pthread_mutex_unlock(&f->lock);
	ring(f->given);
}

struct fetch *
fetcher_take(struct fetcher *f)
{
	struct fetch *fetch;

	hush(f->come);
	pthread_mutex_lock(&f->lock);
	fetch = take_first(&f->out);
	pthread_mutex_unlock(&f->lock);
	return fetch;
}

int
fetcher_fd(const struct fetcher *f)
{
	return f->come;
}

void
fetcher_counts(struct fetcher *f, uint64_t *n, uint64_t *bytes)
{
	pthread_mutex_lock(&f->lock);
	*n = f->n;
	*bytes = f->bytes;
	pthread_mutex_unlock(&f->lock);
}
