/* SPDX-License-Identifier: ISC */
/*
 * Threads that do jobs, in the order in which they are given.  Who waits for one
 * does others meanwhile: where no thread can be had all is done by the caller.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/error.h"

/* Threads that do jobs, the caller's among them; more wait for the memory bus. */
#define POOL_WORKERS_MAX 5

struct pool;
struct pool_job;

/*
 * `worker` is less than POOL_WORKERS_MAX, and one thread's alone.
 */
typedef int pool_run(struct pool_job *job, unsigned worker, struct error *err);

/* A part of what its owner knows of the job. */
struct pool_job { /* { 0 } is none */
	pool_run *run; /* the owner's to set */
	/* The pool's, until the job has been awaited. */
	struct pool_job *next;
	int rc;
	struct error err;
	enum { POOL_IDLE, POOL_GIVEN, POOL_DONE } state;
};

/*
 * Has a thread for each processor that this process may use, up to four.
 * Returns owned (pool_free).  EX_OSERR.
 */
int pool_new(struct pool **out, struct error *err);

/* Waits for those that are being done; those that are not begun never will be. */
void pool_free(struct pool *pool);

/* The job is borrowed until it has been awaited, or the pool is freed. */
void pool_give(struct pool *pool, struct pool_job *job);

/* What the job returned; one that was never given is 0. */
int pool_await(struct pool *pool, struct pool_job *job, struct error *err);

#endif
