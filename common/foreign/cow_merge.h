/* SPDX-License-Identifier: ISC */
/* A base and the exceptions of a CoW file become one image. */
#ifndef FOREIGN_COW_MERGE_H
#define FOREIGN_COW_MERGE_H

#include <stdint.h>

#include "base/error.h"
#include "disk/image.h"
#include "disk/sink.h"
#include "foreign/cow.h"

/* Told the bytes of the image that are there; called often. */
typedef void cow_progress(void *arg, uint64_t done_bytes);

/* Bytes of the base that `n` chunks from `chunk` on have: the last is cut. */
uint64_t cow_span(const struct cow_map *map, uint64_t chunk, uint64_t n,
    uint64_t base_bytes);

/*
 * Writes the merged image to `out` from its first byte to its last, and
 * finishes it; `map` comes from cow_read() of the same two files.  EX_IOERR.
 */
int cow_merge(struct sink *out, const struct cow_map *map,
    const struct image *base, const struct image *cow, cow_progress *progress,
    void *arg, struct error *err);

#endif
