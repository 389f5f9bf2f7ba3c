/* SPDX-License-Identifier: ISC */
#include "fetcher.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "thread.h"

struct list {
	struct fetch *first, **end;
};

struct fetcher {
	struct transport *from; /* the thread's alone */
	int event; /* eventfd(2): something has come */
	pthread_mutex_t lock;
	pthread_cond_t given; /* something is in `in` */
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

/* What was given meanwhile; waits for it when nothing is on its way. */
static struct fetch *
take_given(struct fetcher *f, bool wait)
{
	struct fetch *given;

	pthread_mutex_lock(&f->lock);
	while (wait && f->in.first == NULL)
		pthread_cond_wait(&f->given, &f->lock);
	given = f->in.first;
	f->in.first = NULL;
	f->in.end = &f->in.first;
	pthread_mutex_unlock(&f->lock);
	return given;
}

static void
hand_back(struct fetcher *f, struct fetch *fetch)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&f->lock);
	append(&f->out, fetch);
	f->n = f->from->got_n;
	f->bytes = f->from->got_bytes;
	pthread_mutex_unlock(&f->lock);
	/* It can only be full, and then it is readable. */
	while (write(f->event, &one, sizeof(one)) == -1 && errno == EINTR)
		continue;
}

static void *
run(void *arg)
{
	struct fetcher *f = arg;
	struct list away = { .first = NULL };
	struct fetch *fetch, *next;

	away.end = &away.first;
	for (;;) {
		for (fetch = take_given(f, away.first == NULL); fetch != NULL;
		     fetch = next) {
			next = fetch->next;
			fetch->rc = transport_ask(f->from, &fetch->range,
			    &fetch->err);
			if (fetch->rc == -1)
				hand_back(f, fetch);
			else
				append(&away, fetch);
		}
		fetch = take_first(&away);
		if (fetch == NULL)
			continue;
		fetch->rc = transport_await(f->from, &fetch->range,
		    &fetch->err);
		hand_back(f, fetch);
	}
	return NULL;
}

int
fetcher_start(struct fetcher **out, struct transport *from, struct error *err)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return error_nomem(err, "fetcher");
	f->from = from;
	f->n = from->got_n;
	f->bytes = from->got_bytes;
	f->in.end = &f->in.first;
	f->out.end = &f->out.first;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->given, NULL);
	f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->event == -1 || thread_start(run, f, err) == -1) {
		if (f->event == -1)
			error_sys(err, EX_OSERR, "eventfd");
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
	pthread_cond_signal(&f->given);
	pthread_mutex_unlock(&f->lock);
}

struct fetch *
fetcher_take(struct fetcher *f)
{
	struct fetch *fetch;
	uint64_t n;

	/* Emptied first: what comes later makes it readable again. */
	if (read(f->event, &n, sizeof(n)) == -1)
		errno = 0;
	pthread_mutex_lock(&f->lock);
	fetch = take_first(&f->out);
	pthread_mutex_unlock(&f->lock);
	return fetch;
}

int
fetcher_fd(const struct fetcher *f)
{
	return f->event;
}

void
fetcher_counts(struct fetcher *f, uint64_t *n, uint64_t *bytes)
{
	pthread_mutex_lock(&f->lock);
	*n = f->n;
	*bytes = f->bytes;
	pthread_mutex_unlock(&f->lock);
}
