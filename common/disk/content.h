/* SPDX-License-Identifier: ISC */
/*
 * What a file that the user gives as a disk holds, by its first bytes.  To be
 * asked of what is taken in, never of a disk that a guest has written to: what
 * such a one begins with its guest chooses.
 */
#ifndef DISK_CONTENT_H
#define DISK_CONTENT_H

#include <stdint.h>

#include "base/error.h"
#include "disk/chain.h"

/*
 * A format that chain_recognize() knows.  EX_DATAERR: an image of another
 * program or a compressed file; the message has the command that makes a raw
 * one of it.  EX_IOERR.
 */
int content_look(const struct chain_format **out, int fd, uint64_t file_bytes,
    const char *path, struct error *err);

/* The same where only raw bytes will do: EX_DATAERR for all others. */
int content_check_raw(int fd, uint64_t file_bytes, const char *path,
    struct error *err);

#endif
