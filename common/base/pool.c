/* SPDX-License-Identifier: ISC */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cpus.h"

struct pool {
	pthread_t thread[POOL_WORKERS_MAX - 1];
	unsigned threads_n;
	pthread_mutex_t mutex; /* for all that follows, and states of jobs */
	pthread_cond_t come, done;
	struct pool_job *first, **last; /* that nobody does yet */
	unsigned started_n;
	bool is_ended;
};

/* Takes the first job off the queue, which has one, and does it. */
static void
do_first(struct pool *p, unsigned worker)
{
	struct pool_job *job = p->first;

	p->first = job->next;
	if (p->first == NULL)
		p->last = &p->first;
	pthread_mutex_unlock(&p->mutex);
	job->rc = job->run(job, worker, &job->err);
	pthread_mutex_lock(&p->mutex);
	job->state = POOL_DONE;
	pthread_cond_broadcast(&p->done);
}

static void *
run(void *arg)
{
	struct pool *p = arg;
	unsigned worker;

	pthread_mutex_lock(&p->mutex);
	worker = ++p->started_n; /* 0 is the caller */
	while (!p->is_ended) {
		if (p->first == NULL)
			pthread_cond_wait(&p->come, &p->mutex);
		else
			do_first(p, worker);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* One that cannot be had is no error: there is less help. */
static void
start_threads(struct pool *p)
{
	unsigned want = cpus_usable();
	sigset_t all, old;

	if (want > POOL_WORKERS_MAX - 1)
		want = POOL_WORKERS_MAX - 1;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (p->threads_n < want &&
	    pthread_create(&p->thread[p->threads_n], NULL, run, p) == 0)
		p->threads_n++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int
pool_new(struct pool **out, struct error *err)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return error_nomem(err, "threads");
	p->last = &p->first;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->come, NULL);
	pthread_cond_init(&p->done, NULL);
	start_threads(p);
	*out = p;
	return 0;
}

void
pool_free(struct pool *pool)
{
	unsigned i;

	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->is_ended = true;
	pthread_cond_broadcast(&pool->come);
	pthread_mutex_unlock(&pool->mutex);
	for (i = 0; i < pool->threads_n; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->done);
	pthread_cond_destroy(&pool->come);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

void
pool_give(struct pool *pool, struct pool_job *job)
{
	pthread_mutex_lock(&pool->mutex);
	job->next = NULL;
	job->state = POOL_GIVEN;
	*pool->last = job;
	pool->last = &job->next;
	pthread_cond_signal(&pool->come);
	pthread_mutex_unlock(&pool->mutex);
}

int
pool_await(struct pool *pool, struct pool_job *job, struct error *err)
{
	int rc;

	pthread_mutex_lock(&pool->mutex);
	while (job->state == POOL_GIVEN) {
		if (pool->first != NULL)
			do_first(pool, 0);
		else
			pthread_cond_wait(&pool->done, &pool->mutex);
	}
	rc = job->state == POOL_DONE ? job->rc : 0;
	job->state = POOL_IDLE;
	pthread_mutex_unlock(&pool->mutex);
	if (rc == -1 && err != NULL)
		*err = job->err;
	return rc;
}
