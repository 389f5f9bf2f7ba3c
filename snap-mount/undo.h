/* SPDX-License-Identifier: ISC */
/*
 * Whoever opens a file to write can map it shared, and so change what the
 * kernel has of it, for all who read or map it: the write is refused when the
 * kernel comes to write it back, and then what it has there is dropped.  So it is
 * with write(2), whose bytes the kernel has there before it asks.
 *
 * A thread of its own does it, for the kernel waits until no such page is being
 * written back, which the loop is to answer.
 */
#ifndef UNDO_H
#define UNDO_H

#include <stdint.h>

#include "job.h"

struct undo; /* opaque */

/* For inodes below `inodes`.  It runs until the process ends.  EX_OSERR. */
int undo_start(struct undo **out, struct fuse_session *session, size_t inodes,
    struct error *err);

/* Drops that piece of the file, soon. */
void undo_add(struct undo *u, fuse_ino_t ino, uint64_t off, uint64_t len);

#endif
