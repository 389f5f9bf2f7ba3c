/* SPDX-License-Identifier: ISC */
/* One zstd frame, written to a descriptor as it comes. */
#ifndef PACK_H
#define PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/relay.h"

/* The levels whose windows are 8 MiB at most. */
#define PACK_LEVEL_MIN 1
#define PACK_LEVEL_MAX 19
#define PACK_LEVEL 3
#define PACK_THREADS_MAX 64

struct pack;

/*
 * For a frame of `size_bytes` on `threads` threads, their number of no
 * influence on the bytes.  `fd` and `what` are borrowed.  Returns owned
 * (pack_free); EX_OSERR.
 */
int pack_new(struct pack **out, int fd, const char *what, uint64_t size_bytes,
    int level, int threads, struct error *err);
void pack_free(struct pack *pack);

/* The file will be synced: the disk may begin. */
void pack_will_sync(struct pack *pack);

/* A relay_take; `arg` is the pack. */
int pack_take(const struct relay_piece *piece, void *arg, struct error *err);

/* Ends the frame.  EX_IOERR. */
int pack_finish(struct pack *pack, struct error *err);

#endif
