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
	uint64_t size; /* bytes of the file */
	const char *what; /* borrowed: for messages */
	bool use_fiemap, is_last;
	uint64_t from; /* what was asked for so far */
	struct extent batch[RUNS_BATCH];
	size_t n, at; /* of batch */
};

void runs_init(struct runs *r, int fd, uint64_t size, const char *what);

/* 1 and the next run, 0 behind the last, -1.  EX_IOERR. */
int runs_next(struct extent *out, struct runs *r, struct error *err);

#endif
