/* SPDX-License-Identifier: ISC */
/*
 * Pages that are wanted from packs: fetched in the order in which they lie there,
 * each frame once, unpacked and verified by threads, and written.
 */
#ifndef WANTS_H
#define WANTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "registry/reader.h"

#define WANTS_MAX (1u << 18) /* pages of 1 GiB: 14 MiB of memory */

/* A page of a file that is being made. */
struct want {
	struct place place;
	struct digest hash;
	uint32_t file, page; /* of ENVELOPE_FILES_MAX, and of 8 TiB */
};

/*
 * Told of `n` pages of a file, from number `page` on, in whatever order, by the
 * thread that drains; `bytes` are borrowed for the call.
 */
typedef int wants_put(void *arg, uint32_t file, uint32_t page, size_t n,
    const unsigned char *bytes, struct error *err);

struct wants; /* opaque */

/*
 * `ranges` as gather_init() has it; all is borrowed, and the pool freed first.
 * Returns owned (wants_free).  EX_OSERR.
 */
int wants_new(struct wants **out, struct reader *r, struct pool *pool,
    unsigned ranges, wants_put *put, void *arg, struct error *err);
void wants_free(struct wants *w);

/* One more; of WANTS_MAX those that are there are drained first. */
int wants_add(struct wants *w, const struct want *want, struct error *err);

/*
 * Gets all that are wanted.  EX_DATAERR: one is not what its hash says; what was
 * put is good.
 */
int wants_drain(struct wants *w, struct error *err);

#endif
