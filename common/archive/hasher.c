/* SPDX-License-Identifier: ISC */
#include "archive/hasher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "disk/verity.h"

#define HASHER_OPS 8192 /* more than the chunks of a flow can ask for */
#define HASHER_BATCH 256 /* handed over at once: a lock costs more than one */

enum op_kind { OP_DATA, OP_ZEROS, OP_RELEASE, OP_FILE };

struct op {
	enum op_kind kind;
	struct chunk *chunk; /* OP_RELEASE */
	const unsigned char *data; /* OP_DATA */
	uint64_t len; /* OP_DATA, OP_ZEROS */
	struct digest *out; /* OP_FILE */
};

struct hasher {
	struct chunk_flow *flow;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t come, gone;
	struct op ring[HASHER_OPS];
	size_t first, count;
	bool is_ended;
	struct op batch[HASHER_BATCH]; /* the caller's, not handed over yet */
	size_t batch_n;
	struct chunk *held; /* by us, the chunk of the last piece */
	struct verity *verity; /* the thread's, like the error */
	struct error error;
};

static void
do_op(struct hasher *h, const struct op *op)
{
	int rc = 0;

	if (op->kind == OP_RELEASE) {
		chunk_release(h->flow, op->chunk);
		return;
	}
	if (h->error.code != 0)
		return;
	if (op->kind == OP_DATA) {
		rc = verity_data(h->verity, op->data, (size_t)op->len,
		    &h->error);
	} else if (op->kind == OP_ZEROS) {
		rc = verity_zeros(h->verity, op->len, &h->error);
	} else {
		verity_final(h->verity, op->out);
		verity_reset(h->verity);
	}
	if (rc == -1 && h->error.code == 0)
		h->error.code = EX_SOFTWARE;
}

/* Takes some of what has come; 0 when nothing will. */
static size_t
take_ops(struct hasher *h, struct op ops[HASHER_BATCH])
{
	size_t n, i;

	pthread_mutex_lock(&h->mutex);
	while (h->count == 0 && !h->is_ended)
		pthread_cond_wait(&h->come, &h->mutex);
	n = h->count < HASHER_BATCH ? h->count : HASHER_BATCH;
	for (i = 0; i < n; i++)
		ops[i] = h->ring[(h->first + i) % HASHER_OPS];
	h->first = (h->first + n) % HASHER_OPS;
	h->count -= n;
	pthread_cond_signal(&h->gone);
	pthread_mutex_unlock(&h->mutex);
	return n;
}

static void *
run(void *arg)
{
	struct op ops[HASHER_BATCH];
	struct hasher *h = arg;
	size_t n, i;

	while ((n = take_ops(h, ops)) != 0)
		for (i = 0; i < n; i++)
			do_op(h, &ops[i]);
	return NULL;
}

static void
hand_over(struct hasher *h)
{
	size_t i;

	pthread_mutex_lock(&h->mutex);
	while (HASHER_OPS - h->count < h->batch_n)
		pthread_cond_wait(&h->gone, &h->mutex);
	for (i = 0; i < h->batch_n; i++)
		h->ring[(h->first + h->count + i) % HASHER_OPS] = h->batch[i];
	h->count += h->batch_n;
	h->batch_n = 0;
	pthread_cond_signal(&h->come);
	pthread_mutex_unlock(&h->mutex);
}

static void
add_op(struct hasher *h, struct op op)
{
	h->batch[h->batch_n++] = op;
	if (h->batch_n == HASHER_BATCH)
		hand_over(h);
}

static void
let_go(struct hasher *h)
{
	if (h->held != NULL)
		add_op(h, (struct op){ .kind = OP_RELEASE, .chunk = h->held });
	h->held = NULL;
}

void
hasher_data(struct hasher *h, struct chunk *chunk, const unsigned char *data,
    size_t len)
{
	if (chunk != h->held) {
		let_go(h);
		hand_over(h);
		chunk_hold(h->flow, chunk);
		h->held = chunk;
	}
	add_op(h, (struct op){ .kind = OP_DATA, .data = data, .len = len });
}

void
hasher_zeros(struct hasher *h, uint64_t len)
{
	if (len != 0)
		add_op(h, (struct op){ .kind = OP_ZEROS, .len = len });
}

void
hasher_file(struct hasher *h, struct digest *out)
{
	add_op(h, (struct op){ .kind = OP_FILE, .out = out });
	let_go(h);
	hand_over(h);
}

/* Idempotent: the thread is joined once. */
static void
end_thread(struct hasher *h)
{
	if (h->is_ended)
		return;
	let_go(h);
	hand_over(h);
	pthread_mutex_lock(&h->mutex);
	h->is_ended = true;
	pthread_cond_signal(&h->come);
	pthread_mutex_unlock(&h->mutex);
	pthread_join(h->thread, NULL);
}

int
hasher_finish(struct hasher *h, struct error *err)
{
	end_thread(h);
	if (h->error.code == 0)
		return 0;
	if (err != NULL)
		*err = h->error;
	return -1;
}

int
hasher_new(struct hasher **out, struct chunk_flow *flow, struct error *err)
{
	struct hasher *h = calloc(1, sizeof(*h));
	sigset_t all, old;

	if (h == NULL)
		return error_sys(err, EX_OSERR, "digests");
	h->flow = flow;
	if (verity_new(&h->verity, err) == -1) {
		free(h);
		return -1;
	}
	pthread_mutex_init(&h->mutex, NULL);
	pthread_cond_init(&h->come, NULL);
	pthread_cond_init(&h->gone, NULL);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errno = pthread_create(&h->thread, NULL, run, h);
	if (errno != 0) {
		error_sys(err, EX_OSERR, "thread");
		h->is_ended = true;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (h->is_ended) {
		hasher_free(h);
		return -1;
	}
	*out = h;
	return 0;
}

void
hasher_free(struct hasher *h)
{
	if (h == NULL)
		return;
	end_thread(h);
	verity_free(h->verity);
	pthread_cond_destroy(&h->gone);
	pthread_cond_destroy(&h->come);
	pthread_mutex_destroy(&h->mutex);
	free(h);
}
