/* SPDX-License-Identifier: ISC */
/*
 * What one thread waits for: descriptors and times, each with the function that
 * it is told to.  Nothing to wait for: it sleeps for good.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define LOOP_TIMERS_MAX 8

/* One descriptor; it stands in what owns it, and is zero before. */
struct loop_fd {
	int fd;
	uint32_t events; /* EPOLL*, what is waited for; 0: nothing */
	bool known; /* to the kernel */
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

/* One time, which comes once; it is set anew for another. */
struct loop_timer {
	int64_t at_ms; /* base/clock; 0: never */
	void (*ready)(void *arg);
	void *arg;
};

struct loop {
	int fd;
	struct loop_timer *timers[LOOP_TIMERS_MAX]; /* borrowed */
	unsigned timers_n;
	/* The server's own word: milliseconds, -1: none. */
	int (*wait_ms)(void *arg);
	/* Called after everything that was told. */
	void (*after)(void *arg);
	void *arg;
};

/* EX_OSERR. */
int loop_init(struct loop *loop, struct error *err);
void loop_fini(struct loop *loop);

/* From now on `events` are waited for; 0: none. */
void loop_set(struct loop *loop, struct loop_fd *f, uint32_t events);

/* Nothing more of it; its descriptor may be closed afterwards. */
void loop_forget(struct loop *loop, struct loop_fd *f);

/* The timer counts from now on. */
void loop_add_timer(struct loop *loop, struct loop_timer *timer);

/* Until a signal comes: -1 with its code (base/sig), or EX_OSERR. */
int loop_run(struct loop *loop, struct error *err);

#endif
