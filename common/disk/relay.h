/* SPDX-License-Identifier: ISC */
/*
 * A stream of bytes made by one function and taken by several, each of them on
 * a thread of its own and each given every piece in order: so that reading,
 * hashing and compressing go on at the same time.
 */
#ifndef DISK_RELAY_H
#define DISK_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define RELAY_PIECE_BYTES (256u * 1024)
#define RELAY_PIECES 48 /* made and not yet taken by all: 12 MiB */
#define RELAY_TAKERS_MAX 4

struct relay_piece {
	const unsigned char *data; /* NULL: `len` zeros */
	uint64_t len; /* with data RELAY_PIECE_BYTES at most */
};

/*
 * Makes the next piece: 1 and *out, its data in `buf` (RELAY_PIECE_BYTES) if
 * it has any; 0 at the end; -1.  Called on the thread of relay_run().
 */
typedef int relay_make(struct relay_piece *out, unsigned char *buf, void *arg,
    struct error *err);

/* Takes a piece; -1 ends the whole. */
typedef int relay_take(const struct relay_piece *piece, void *arg,
    struct error *err);

struct relay_taker {
	relay_take *take;
	void *arg;
};

/*
 * Returns when all have taken all, or when one has failed: with its error.
 * EX_OSERR: no memory, no threads.
 */
int relay_run(relay_make *make, void *arg, const struct relay_taker *takers,
    size_t n, struct error *err);

#endif
