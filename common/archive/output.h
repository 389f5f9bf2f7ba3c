/* SPDX-License-Identifier: ISC */
/*
 * The file that an archive goes to, of any kind, at a limited rate or not: our
 * bytes, or those of another file, which the kernel moves where it can.
 */
#ifndef ARCHIVE_OUTPUT_H
#define ARCHIVE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct output;

/*
 * Borrows `fd` and `what`, which names it in messages.  `rate` is in bytes a
 * second, 0 without limit; `has_files`: output_file() is going to be called.
 * Returns owned (output_free).  EX_OSERR.
 */
int output_new(struct output **out, int fd, const char *what, uint64_t rate,
    bool has_files, struct error *err);
void output_free(struct output *o);

/* The next bytes.  EX_IOERR; or a signal came. */
int output_write(struct output *o, const void *buf, size_t len,
    struct error *err);

/*
 * The next bytes are those of `fd` (called `name`) at `off`.  They may wait for
 * the next output_write(), which comes at a tar's end at the latest.
 * EX_DATAERR: the file ends before; EX_IOERR; or a signal came.
 */
int output_file(struct output *o, int fd, uint64_t off, uint64_t len,
    const char *name, struct error *err);

/* Bytes given to the descriptor. */
uint64_t output_bytes(const struct output *o);

#endif
