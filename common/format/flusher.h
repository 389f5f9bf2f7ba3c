/* SPDX-License-Identifier: ISC */
/*
 * A thread that has the kernel begin to write what a file has got, so that the
 * disk works while the rest is unpacked and the sync at the end is short.  The
 * call may wait for the disk, which is why a thread of its own makes it.
 */
#ifndef FORMAT_FLUSHER_H
#define FORMAT_FLUSHER_H

#include <stdint.h>

#include "base/error.h"

struct flusher;

/* Free it by flusher_free().  EX_OSERR. */
int flusher_new(struct flusher **out, struct error *err);

/*
 * File `fd` has its data up to byte `end`.  Does not wait.  It is a hint: no
 * error is told, the sync tells it.  `fd` must stay open until the next
 * flusher_wait() or flusher_free().
 */
void flusher_hint(struct flusher *f, int fd, uint64_t end);

/* Waits until it has let go of every file. */
void flusher_wait(struct flusher *f);

/* Takes NULL. */
void flusher_free(struct flusher *f);

#endif
