/* SPDX-License-Identifier: ISC */
#include "disk/relay.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define RELAY_BATCH 8 /* pieces; RELAY_PIECES is a multiple */

struct relay {
	pthread_mutex_t mutex; /* guards what follows, but for the bytes */
	pthread_cond_t more; /* for takers: a batch is made, or the end */
	pthread_cond_t room; /* for the maker: a batch is free, or failed */
	struct relay_piece pieces[RELAY_PIECES]; /* piece i at i % PIECES */
	uint64_t made;
	uint64_t taken[RELAY_TAKERS_MAX];
	size_t takers_n;
	bool ended; /* no more will be made */
	bool failed;
	struct error err; /* the first one, with failed */
	unsigned char *buf; /* RELAY_PIECES of RELAY_PIECE_BYTES */
};

/* What one thread is given. */
struct seat {
	struct relay *relay;
	size_t index;
	struct relay_taker taker;
};

static void
fail(struct relay *r, const struct error *err)
{
	pthread_mutex_lock(&r->mutex);
	if (!r->failed) {
		r->failed = true;
		r->err = *err;
	}
	pthread_cond_broadcast(&r->more);
	pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->mutex);
}

/*
 * The next piece for a taker, or NULL when there will be none.  Who has to wait
 * waits for the end of a batch: to sleep and be woken for each piece costs more
 * than the work on some of them.
 */
static const struct relay_piece *
wait_made(struct relay *r, size_t index)
{
	const struct relay_piece *piece = NULL;
	uint64_t end;

	pthread_mutex_lock(&r->mutex);
	end = (r->taken[index] / RELAY_BATCH + 1) * RELAY_BATCH;
	if (r->made == r->taken[index])
		while (!r->failed && !r->ended && r->made < end)
			pthread_cond_wait(&r->more, &r->mutex);
	if (!r->failed && r->made > r->taken[index])
		piece = &r->pieces[r->taken[index] % RELAY_PIECES];
	pthread_mutex_unlock(&r->mutex);
	return piece;
}

static uint64_t
slowest(const struct relay *r)
{
	uint64_t least = r->made;
	size_t i;

	for (i = 0; i < r->takers_n; i++)
		if (r->taken[i] < least)
			least = r->taken[i];
	return least;
}

static void
note_taken(struct relay *r, size_t index)
{
	pthread_mutex_lock(&r->mutex);
	r->taken[index]++;
	if (r->made - slowest(r) <= RELAY_PIECES - RELAY_BATCH)
		pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->mutex);
}

static void *
take_all(void *arg)
{
	struct seat *seat = arg;
	struct relay *r = seat->relay;
	const struct relay_piece *piece;
	struct error err = { 0 };

	while ((piece = wait_made(r, seat->index)) != NULL) {
		if (seat->taker.take(piece, seat->taker.arg, &err) == -1) {
			fail(r, &err);
			break;
		}
		note_taken(r, seat->index);
	}
	return NULL;
}

/* Waits until there is room for a piece; false when a taker has failed. */
static bool
wait_room(struct relay *r)
{
	bool failed;

	pthread_mutex_lock(&r->mutex);
	if (r->made - slowest(r) == RELAY_PIECES)
		while (!r->failed &&
		    r->made - slowest(r) > RELAY_PIECES - RELAY_BATCH)
			pthread_cond_wait(&r->room, &r->mutex);
	failed = r->failed;
	pthread_mutex_unlock(&r->mutex);
	return !failed;
}

static void
make_all(struct relay *r, relay_make *make, void *arg)
{
	struct error err = { 0 };
	size_t slot;
	int more = 1;

	while (more == 1 && wait_room(r)) {
		slot = r->made % RELAY_PIECES;
		more = make(&r->pieces[slot], r->buf + slot * RELAY_PIECE_BYTES,
		    arg, &err);
		if (more == -1) {
			fail(r, &err);
			return;
		}
		pthread_mutex_lock(&r->mutex);
		if (more == 1)
			r->made++;
		else
			r->ended = true;
		if (r->ended || r->made % RELAY_BATCH == 0)
			pthread_cond_broadcast(&r->more);
		pthread_mutex_unlock(&r->mutex);
	}
}

/*
 * Signals stay with the thread that called relay_run(): it is the one that may
 * wait in read(2), and must hear of them there.
 */
static size_t
start_takers(struct relay *r, pthread_t *threads, struct seat *seats)
{
	struct error err;
	sigset_t all, before;
	size_t i;
	int sys = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (i = 0; i < r->takers_n; i++) {
		sys = pthread_create(&threads[i], NULL, take_all, &seats[i]);
		if (sys != 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (sys != 0) {
		errno = sys;
		error_sys(&err, EX_OSERR, "thread");
		fail(r, &err);
	}
	return i;
}

int
relay_run(relay_make *make, void *arg, const struct relay_taker *takers,
    size_t n, struct error *err)
{
	struct relay r = { .mutex = PTHREAD_MUTEX_INITIALIZER,
		.more = PTHREAD_COND_INITIALIZER,
		.room = PTHREAD_COND_INITIALIZER,
		.takers_n = n };
	struct seat seats[RELAY_TAKERS_MAX];
	pthread_t threads[RELAY_TAKERS_MAX];
	size_t i, started;

	assert(n <= RELAY_TAKERS_MAX);
	r.buf = malloc((size_t)RELAY_PIECES * RELAY_PIECE_BYTES);
	if (r.buf == NULL)
		return error_sys(err, EX_OSERR, "pieces");
	for (i = 0; i < n; i++) {
		seats[i].relay = &r;
		seats[i].index = i;
		seats[i].taker = takers[i];
	}
	started = start_takers(&r, threads, seats);
	make_all(&r, make, arg);
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(r.buf);
	pthread_cond_destroy(&r.room);
	pthread_cond_destroy(&r.more);
	pthread_mutex_destroy(&r.mutex);
	if (r.failed && err != NULL)
		*err = r.err;
	return r.failed ? -1 : 0;
}
