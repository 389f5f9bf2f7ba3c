/* SPDX-License-Identifier: ISC */
/*
 * Asks the kernel for runs of a file before they are read: it reads ahead by
 * itself only where a run goes on, and many runs end after a page.
 */
#ifndef ARCHIVE_AHEAD_H
#define ARCHIVE_AHEAD_H

#include <stdint.h>

#include "archive/tar_sparse.h"

struct ahead {
	int fd; /* borrowed */
	struct sparse_iter it;
	uint64_t asked; /* bytes of data, from the first on */
};

/* Borrows both. */
void ahead_init(struct ahead *a, int fd, const struct sparse_map *map);

/* `done` bytes of data have been read: asks for some of those that follow. */
void ahead_of(struct ahead *a, uint64_t done);

#endif
