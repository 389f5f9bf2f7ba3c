/* SPDX-License-Identifier: ISC */
/*
 * A bounded flow of buffers from one thread to another.  A chunk is filled by
 * the producer, taken by the consumer, and may be held by others (a digest
 * being made) until all have let go of it; then it is filled again.
 */
#ifndef ARCHIVE_CHUNK_H
#define ARCHIVE_CHUNK_H

#include <stddef.h>

#include "base/error.h"

#define CHUNK_BYTES (256u << 10) /* fits a processor's own cache */

struct chunk {
	unsigned char *data; /* CHUNK_BYTES */
	size_t len; /* bytes that are filled */
	unsigned holders;
	struct chunk *next;
};

struct chunk_flow;

/* A flow of `n` chunks; returns owned (chunk_flow_free).  EX_OSERR. */
int chunk_flow_new(struct chunk_flow **out, size_t n, struct error *err);
/* Both threads are done with it. */
void chunk_flow_free(struct chunk_flow *flow);

/* Producer: waits for an unused chunk.  NULL: the consumer has given up. */
struct chunk *chunk_flow_unused(struct chunk_flow *flow);
/* Producer: hands it on. */
void chunk_flow_push(struct chunk_flow *flow, struct chunk *chunk);
/* Producer: nothing follows; `err` tells why when it has a code. */
void chunk_flow_end(struct chunk_flow *flow, const struct error *err);

/*
 * Consumer: waits for the next chunk, which it then holds; NULL at the end.
 * Fails with the producer's error, or when a signal has come.
 */
int chunk_flow_pop(struct chunk_flow *flow, struct chunk **out,
    struct error *err);
/* Consumer: wants no more; the producer ends soon. */
void chunk_flow_stop(struct chunk_flow *flow);

/* Any thread: one more holder, one less. */
void chunk_hold(struct chunk_flow *flow, struct chunk *chunk);
void chunk_release(struct chunk_flow *flow, struct chunk *chunk);

#endif
