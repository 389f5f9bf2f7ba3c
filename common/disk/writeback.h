/* SPDX-License-Identifier: ISC */
/*
 * Has the disk begin with what is written, so that the fsync at the end finds
 * little left.  Only a hint: errors are the fsync's to tell.
 */
#ifndef DISK_WRITEBACK_H
#define DISK_WRITEBACK_H

#include <stdint.h>

struct writeback {
	int fd; /* borrowed; -1: nothing is to be synced, and nothing done */
	uint64_t started; /* bytes of the file that are on their way */
};

/* The file is written up to `off`; cheap, acts every 8 MiB. */
void writeback_to(struct writeback *w, uint64_t off);

#endif
