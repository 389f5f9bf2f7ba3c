/* SPDX-License-Identifier: ISC */
/*
 * Where a file has data, found before any of it is read: an archive says it
 * first.  A filesystem takes half a microsecond to tell of an extent, about as
 * long as to move it, so several threads ask, each about a part of the file.
 */
#ifndef ARCHIVE_SURVEY_H
#define ARCHIVE_SURVEY_H

#include <stdint.h>

#include "archive/tar_sparse.h"

/*
 * Fills *map, emptied first, with the runs of data in the first `size` bytes of
 * `fd`, called `name`.  If they do not fit into `max_bytes` of a map, small
 * holes count as data: the fewer the better, and the same ones always.
 * `max_bytes` has room for two runs at least (4 * SPARSE_RUN_BYTES_MAX), and is
 * SPARSE_MAP_BYTES_MAX at most; the maps on the way take no more than twice as
 * much.  EX_IOERR, EX_OSERR.
 */
int survey_file(struct sparse_map *map, int fd, uint64_t size, size_t max_bytes,
    const char *name, struct error *err);

#endif
