/* SPDX-License-Identifier: ISC */
/*
 * Many small pieces of blobs, in an order that is known beforehand.  Neighbours
 * come by one range, and several ranges are on their way at once.
 */
#ifndef REGISTRY_GATHER_H
#define REGISTRY_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/transport.h"

#define GATHER_RANGES 8 /* on their way at once, unless told otherwise */
#define GATHER_RANGES_MAX 32
#define GATHER_BYTES (1u << 20) /* of a range, at most */
#define GATHER_AHEAD 15 /* ranges, known before they are asked for */
#define GATHER_GAP                                                             \
	(32u << 10) /* between pieces: it is fetched, and passed over */

struct piece {
	const struct blob *blob; /* borrowed until it has been taken */
	uint64_t off;
	size_t len; /* 1 to GATHER_BYTES; off + len is within the blob */
};

/* The next one that is wanted; false: there is none any more. */
typedef bool gather_next(struct piece *out, void *arg);

struct gather_range {
	struct range range;
	bool is_here;
};

struct gather { /* { 0 } is none; gather_fini() */
	struct transport *from;
	unsigned ranges; /* at once */
	gather_next *next;
	void *arg;
	struct piece piece; /* behind the last range; .blob NULL: none */
	bool is_over; /* next() has no more */
	struct gather_range ring[GATHER_RANGES_MAX + GATHER_AHEAD];
	unsigned first;
	unsigned n, known; /* asked for; and those behind them */
};

/*
 * `next` is called for pieces long before they are taken.  `ranges`: 0, or how
 * many are on their way at most.
 */
void gather_init(struct gather *g, struct transport *from, unsigned ranges,
    gather_next *next, void *arg);

/*
 * The bytes of a piece, borrowed until the next call.  Pieces are taken in the
 * order in which next() has told them.  EX_OSERR, and as transport_await().
 */
int gather_take(const unsigned char **out, struct gather *g,
    const struct piece *piece, struct error *err);

/* Nothing is on its way any more. */
void gather_fini(struct gather *g);

#endif
