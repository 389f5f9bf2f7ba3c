/* SPDX-License-Identifier: ISC */
/*
 * All runs of data of a file that nobody changes, in order.  Where the
 * filesystem tells its extents by the hundred (FIEMAP on ext4 and XFS) that
 * takes a system call for as many; elsewhere two for each, as extent_next().
 */
#ifndef DISK_RUNS_H
#define DISK_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk/extent.h"

#define RUNS_BATCH 256 /* extents asked for at once */

struct runs {
	int fd; /* borrowed */
	uint64_t end; /* of the part that is looked at */
	const char *what; /* borrowed: for messages */
	bool use_fiemap, has_asked, is_last;
	uint64_t from; /* what was asked for so far */
	struct extent batch[RUNS_BATCH];
	size_t n, at; /* of batch */
};

/* Whether it does so for this file. */
bool runs_by_many(int fd);

/* Those in the bytes from `from` to `end`, no further than the file's end. */
void runs_init(struct runs *r, int fd, uint64_t from, uint64_t end,
    const char *what);

/* 1 and the next run, 0 behind the last, -1.  EX_IOERR. */
int runs_next(struct extent *out, struct runs *r, struct error *err);

#endif
