/* SPDX-License-Identifier: ISC */
/*
 * Pages on their way into packs: they gather into frames, which threads compress
 * while further pages come, and which are written in the order in which they
 * were begun.  What is done depends on the pages alone, not on how fast a thread
 * is: the same pages make the same packs.
 */
#ifndef REGISTRY_FRAMER_H
#define REGISTRY_FRAMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "registry/artifact.h"
#include "registry/known.h"
#include "registry/transport.h"

#define FRAMER_PAGES 16 /* 64 KiB a frame: what one range fetches */
#define FRAMER_PACK_BYTES (UINT64_C(512) << 20) /* then the next pack begins */

/* Frames that are being compressed, or wait to be written. */
#define FRAMER_RING 64
/* Frames that come behind the one in which a page is, before framer_settle(). */
#define FRAMER_MEMORY 1024

/* A part being written; its number is known from its beginning. */
struct part_put { /* { 0 } is none; part_put_drop() */
	struct put put;
	size_t number; /* of the artifact's parts */
	bool is_open;
};

struct part_to { /* where parts go; borrowed */
	struct transport *to;
	bool dry;
	struct artifact *artifact;
};

/* Begins the part, unless it is open; ends it, where it is. */
int part_put_begin(struct part_put *part, const struct part_to *to,
    enum part_kind kind, struct error *err);
int part_put_end(struct part_put *part, const struct part_to *to,
    struct error *err);
void part_put_drop(struct part_put *part);

struct framer; /* opaque */

/*
 * All that it is given is borrowed; the pool is freed first.  `known` learns of
 * each page.  Returns owned (framer_free).  EX_OSERR.
 */
int framer_new(struct framer **out, const struct part_to *to, struct pool *pool,
    struct known *known, struct error *err);
void framer_free(struct framer *f);

/* Puts the page into a frame.  *place is not settled yet. */
int framer_add(struct framer *f, struct place *place, const struct digest *hash,
    const unsigned char *page, struct error *err);

/*
 * The place becomes the one that the page has in the end: what is before it has
 * been written then, and its own frame, however full it was.
 */
int framer_settle(struct framer *f, struct place *place, struct error *err);

/* Writes what has gathered; the pack ends. */
int framer_end(struct framer *f, struct error *err);

#endif
