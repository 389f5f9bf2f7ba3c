/* SPDX-License-Identifier: ISC */
/* The files that a data disk is filled with. */
#ifndef TREE_H
#define TREE_H

#include <stdint.h>

#include "base/error.h"

#define TREE_DEPTH_MAX 400 /* each level has a descriptor open */

/*
 * Counts what is in the directory `dir` and below, itself included; links are
 * not followed, and a file with several names counts for each.  EX_IOERR,
 * EX_NOPERM.  EX_DATAERR: deeper than TREE_DEPTH_MAX.
 */
int tree_count(uint64_t *out, const char *dir, struct error *err);

/*
 * So many inodes an ext4 filesystem of `size_bytes` must be told to have for
 * `files`, with an eighth of them to spare; 0: it has as many by itself.
 */
uint64_t tree_inodes(uint64_t files, uint64_t size_bytes);

#endif
