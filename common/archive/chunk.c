/* SPDX-License-Identifier: ISC */
#include "archive/chunk.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/sig.h"

#define CHUNK_WAKE_NS 100000000 /* how long a signal may go unnoticed */

struct chunk_flow {
	pthread_mutex_t mutex;
	pthread_cond_t filled, unused; /* something came; was let go of */
	struct chunk *first, *last; /* filled, in order */
	struct chunk *spare;
	struct chunk *all;
	unsigned char *memory;
	struct error error; /* the producer's */
	bool is_ended, is_stopped;
};

int
chunk_flow_new(struct chunk_flow **out, size_t n, struct error *err)
{
	struct chunk_flow *flow = calloc(1, sizeof(*flow));
	size_t i;

	if (flow == NULL)
		return error_sys(err, EX_OSERR, "buffers");
	flow->all = calloc(n, sizeof(*flow->all));
	flow->memory = malloc(n * CHUNK_BYTES);
	if (flow->all == NULL || flow->memory == NULL) {
		error_sys(err, EX_OSERR, "buffers");
		free(flow->all);
		free(flow->memory);
		free(flow);
		return -1;
	}
	pthread_mutex_init(&flow->mutex, NULL);
	pthread_cond_init(&flow->filled, NULL);
	pthread_cond_init(&flow->unused, NULL);
	for (i = n; i-- > 0;) {
		flow->all[i].data = flow->memory + i * CHUNK_BYTES;
		flow->all[i].next = flow->spare;
		flow->spare = &flow->all[i];
	}
	*out = flow;
	return 0;
}

void
chunk_flow_free(struct chunk_flow *flow)
{
	if (flow == NULL)
		return;
	pthread_cond_destroy(&flow->unused);
	pthread_cond_destroy(&flow->filled);
	pthread_mutex_destroy(&flow->mutex);
	free(flow->memory);
	free(flow->all);
	free(flow);
}

struct chunk *
chunk_flow_unused(struct chunk_flow *flow)
{
	struct chunk *chunk = NULL;

	pthread_mutex_lock(&flow->mutex);
	while (flow->spare == NULL && !flow->is_stopped)
		pthread_cond_wait(&flow->unused, &flow->mutex);
	if (!flow->is_stopped) {
		chunk = flow->spare;
		flow->spare = chunk->next;
		chunk->next = NULL;
		chunk->len = 0;
		chunk->holders = 1;
	}
	pthread_mutex_unlock(&flow->mutex);
	return chunk;
}

void
chunk_flow_push(struct chunk_flow *flow, struct chunk *chunk)
{
	pthread_mutex_lock(&flow->mutex);
	if (flow->first == NULL)
		flow->first = chunk;
	else
		flow->last->next = chunk;
	flow->last = chunk;
	pthread_cond_signal(&flow->filled);
	pthread_mutex_unlock(&flow->mutex);
}

void
chunk_flow_end(struct chunk_flow *flow, const struct error *err)
{
	pthread_mutex_lock(&flow->mutex);
	flow->is_ended = true;
	flow->error = *err;
	pthread_cond_signal(&flow->filled);
	pthread_mutex_unlock(&flow->mutex);
}

/* Waits a while, so that the caller can look for signals in between. */
static void
wait_filled(struct chunk_flow *flow)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += CHUNK_WAKE_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&flow->filled, &flow->mutex, &until);
}

int
chunk_flow_pop(struct chunk_flow *flow, struct chunk **out, struct error *err)
{
	int rc = 0;

	*out = NULL;
	pthread_mutex_lock(&flow->mutex);
	while (flow->first == NULL && !flow->is_ended && rc == 0) {
		wait_filled(flow);
		rc = sig_check(err);
	}
	if (rc == 0 && flow->first != NULL) {
		*out = flow->first;
		flow->first = (*out)->next;
		(*out)->next = NULL;
	} else if (rc == 0 && flow->error.code != 0) {
		if (err != NULL)
			*err = flow->error;
		rc = -1;
	}
	pthread_mutex_unlock(&flow->mutex);
	return rc;
}

void
chunk_flow_stop(struct chunk_flow *flow)
{
	pthread_mutex_lock(&flow->mutex);
	flow->is_stopped = true;
	pthread_cond_signal(&flow->unused);
	pthread_mutex_unlock(&flow->mutex);
}

void
chunk_hold(struct chunk_flow *flow, struct chunk *chunk)
{
	pthread_mutex_lock(&flow->mutex);
	chunk->holders++;
	pthread_mutex_unlock(&flow->mutex);
}

void
chunk_release(struct chunk_flow *flow, struct chunk *chunk)
{
	pthread_mutex_lock(&flow->mutex);
	if (--chunk->holders == 0) {
		chunk->next = flow->spare;
		flow->spare = chunk;
		pthread_cond_signal(&flow->unused);
	}
	pthread_mutex_unlock(&flow->mutex);
}
