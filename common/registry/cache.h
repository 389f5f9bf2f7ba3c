/* SPDX-License-Identifier: ISC */
/*
 * Bytes of blobs that were fetched once, on disk: a sparse copy of each blob, in
 * files of CACHE_SEGMENT bytes, HEX-NNNNNN with the blob's digest and the
 * segment's number.  What is not there reads as zeros, or ends early.
 *
 * Nothing says what is there, and nothing needs to: who reads from it has the
 * hashes of what he reads, and takes what is not right for absent.  So a write
 * that was cut short, a damaged disk and a segment that somebody else removes
 * meanwhile are all the same, and any number of processes use a cache at once
 * without a word to each other.  Only who removes locks the directory.
 *
 * Segments that were not used for longest go first; the time of modification
 * tells that, and reading sets it, too.
 */
#ifndef REGISTRY_CACHE_H
#define REGISTRY_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/digest.h"

#define CACHE_SEGMENT (UINT64_C(4) << 20) /* bytes of one file at most */
#define CACHE_BYTES_MIN (UINT64_C(64) << 20) /* that it can be bounded to */
#define CACHE_BYTES_MAX (UINT64_C(1) << 50)
#define CACHE_LOG "log" /* of those that use it, not counted and not removed */

struct cache; /* opaque; for one thread */

/*
 * The cache in the directory `dirfd`, which is borrowed, of at most
 * `limit_bytes`.  Returns owned (cache_close).  EX_OSERR.
 */
int cache_open(struct cache **out, int dirfd, uint64_t limit_bytes,
    struct error *err);
void cache_close(struct cache *c);

/*
 * Reads what stands at `off` of the blob, if anything does; true says no more
 * than that.
 */
bool cache_read(struct cache *c, void *buf, size_t len,
    const struct digest *blob, uint64_t off);

/* Whether no whole block of that is absent: a guess, without reading it. */
bool cache_seems(struct cache *c, const struct digest *blob, uint64_t off,
    uint64_t len);

/*
 * Writes it there, and removes what is old where there is too much.  EX_IOERR:
 * the disk said no, and nothing depends on it.
 */
int cache_write(struct cache *c, const void *buf, size_t len,
    const struct digest *blob, uint64_t off, struct error *err);

/*
 * The whole of a small blob, of at most `max` bytes, which is what its digest
 * says; the caller frees *buf, which has a NUL behind it.
 */
bool cache_load(struct cache *c, char **buf, size_t *len,
    const struct digest *blob, size_t max);

/*
 * Removes what is old until it is within its limit, and there is room for so
 * much.  Where another process does that just now nothing is done.  EX_IOERR.
 */
int cache_trim(struct cache *c, uint64_t room_bytes, struct error *err);

#endif
