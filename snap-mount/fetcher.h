/* SPDX-License-Identifier: ISC */
/*
 * A thread that has the transport for itself: it asks for each range as soon as
 * it is given, so that several are on their way, and hands back what has come.
 */
#ifndef FETCHER_H
#define FETCHER_H

#include "base/error.h"
#include "registry/transport.h"

struct fetcher; /* opaque */

struct fetch {
	struct range range; /* the giver's, as long as it is away */
	int rc; /* 0, or -1 and *err */
	struct error err;
	struct fetch *next; /* the fetcher's */
};

/*
 * Takes the transport, which nobody else uses from then on, but does not close
 * it.  It runs until the process ends.  EX_OSERR.
 */
int fetcher_start(struct fetcher **out, struct transport *from,
    struct error *err);

/* Gives it a fetch, which it has until fetcher_take() returns it. */
void fetcher_give(struct fetcher *f, struct fetch *fetch);

/* One that has come, or failed; NULL: none has. */
struct fetch *fetcher_take(struct fetcher *f);

/* Readable when fetcher_take() may have one. */
int fetcher_fd(const struct fetcher *f);

/* Requests that were made, and bytes that they asked for, so far. */
void fetcher_counts(struct fetcher *f, uint64_t *n, uint64_t *bytes);

#endif
