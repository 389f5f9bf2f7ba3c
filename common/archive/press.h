/* SPDX-License-Identifier: ISC */
/*
 * The bytes of a tar on their way out, through a compressor or not.  Each form
 * is one frame or member, the tar's end included: whoever reads only the first
 * has all, and a cut leaves one that does not end.  Without compression a
 * file's data never pass through our memory.
 */
#ifndef ARCHIVE_PRESS_H
#define ARCHIVE_PRESS_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"

struct press;

/* Borrows everything.  Returns owned (press_free).  EX_OSERR. */
int press_new(struct press **out, int fd, const char *what,
    const struct archive_how *how, struct error *err);
void press_free(struct press *p);

/* The next bytes of the archive. */
int press_write(struct press *p, const void *buf, size_t len,
    struct error *err);

/* The next bytes, all zero. */
int press_zeros(struct press *p, uint64_t len, struct error *err);

/*
 * The next bytes are those of `fd` (called `name`) at `off`.  EX_DATAERR: it
 * ends before.
 */
int press_file(struct press *p, int fd, uint64_t off, uint64_t len,
    const char *name, struct error *err);

/* The two zero blocks of a tar's end, and the end of the compression. */
int press_end(struct press *p, struct error *err);

/* Bytes given to the descriptor. */
uint64_t press_bytes(const struct press *p);

#endif
