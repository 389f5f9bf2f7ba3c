/* SPDX-License-Identifier: ISC */
/*
 * Ranges of parts that are wanted: for reads that wait, and, behind those, for
 * reads to come.  What lies together is fetched together.
 */
#ifndef WANTS_H
#define WANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetcher.h"

#define WANT_BYTES_MAX (512u << 10)
#define WANT_CHAIN_MAX (4u << 20) /* bytes that come by one request */
#define WANT_PAUSE_MS                                                          \
	100 /* after a failure; twice that after each further one */
#define WANT_PAUSE_MAX_MS 2000

struct mount;
struct job;

struct want {
	struct fetch fetch; /* the first member */
	uint16_t part;
	bool is_away; /* the fetcher has it */
	bool is_ahead; /* for no read yet */
	int pause_ms; /* after the next failure */
	int64_t not_before_ms;
	struct job **jobs; /* that wait for it */
	size_t jobs_n, jobs_cap;
	struct want *next;
};

struct wants {
	struct want *first, *last;
	unsigned away_max; /* requests on their way, half of them for later */
	unsigned away_n; /* the fetcher has */
	unsigned ahead_n; /* for no read yet, away or not */
};

/* The job wants these bytes of the part.  EX_OSERR. */
int wants_need(struct mount *m, uint16_t part, uint64_t off, size_t len,
    struct job *job, struct error *err);

/* Somebody may want them.  false: there is no room for that now. */
bool wants_ahead(struct mount *m, uint16_t part, uint64_t off, size_t len);

/* Whether all of that is wanted already. */
bool wants_has(const struct mount *m, uint16_t part, uint64_t off, size_t len);

/*
 * How far from there on all is wanted, or nothing is, up to `max` bytes: more
 * than 0.
 */
size_t wants_step(const struct mount *m, uint16_t part, uint64_t off,
    size_t max);

/* The job waits for nothing any more. */
void wants_forget(struct mount *m, const struct job *job);

/* Gives the fetcher what it may have now; what lies together one by one. */
void wants_send(struct mount *m, int64_t now_ms);

/* One that has come, or failed, and is still wanted; NULL: none has. */
struct want *wants_take(struct mount *m);

/* It is wanted no more, and is the caller's (want_free). */
void wants_remove(struct mount *m, struct want *w);
void want_free(struct want *w);

/* It has failed, and is asked for again after a pause. */
void wants_again(struct want *w, int64_t now_ms);

/* When wants_send() has something to do that it has not now; INT64_MAX: never. */
int64_t wants_next_ms(const struct mount *m);

#endif
