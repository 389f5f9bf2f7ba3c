/* SPDX-License-Identifier: ISC */
/* Where a file has data and where it has holes (lseek(2), SEEK_DATA). */
#ifndef DISK_EXTENT_H
#define DISK_EXTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct extent {
	uint64_t off, len; /* bytes; len is never 0 */
};

/*
 * The first run of data at or behind `from` in a file of `size` bytes: 1 and
 * *out, 0 when only holes follow, -1.  A filesystem that does not tell holes
 * has one run.  EX_IOERR.
 */
int extent_next(struct extent *out, int fd, uint64_t from, uint64_t size,
    const char *what, struct error *err);

/* Bytes of data in the file.  EX_IOERR. */
int extent_data_bytes(uint64_t *out, int fd, uint64_t size, const char *what,
    struct error *err);

/*
 * How many extents the filesystem has for the file (FIEMAP with a count of 0,
 * Documentation/filesystems/fiemap.rst); 0 when it cannot tell.
 */
uint64_t extent_count(int fd);

/* A reflink takes some 5 us an extent: so many are a moment. */
#define EXTENT_QUICK_MAX 4000

/*
 * Makes a hole of the `len` bytes at `off`: 1; 0 when the filesystem has no
 * holes, or no room to note another; -1.  EX_IOERR.
 */
int extent_punch(int fd, uint64_t off, uint64_t len, const char *what,
    struct error *err);

/* Whether the `len` bytes at `buf` are all zero, and could be a hole. */
bool extent_is_zero(const void *buf, size_t len);

#endif
