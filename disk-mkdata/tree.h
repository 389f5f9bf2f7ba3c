/* SPDX-License-Identifier: ISC */
/* The files that a data disk is filled with. */
#ifndef TREE_H
#define TREE_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#define TREE_DEPTH_MAX 400 /* each level has a descriptor open */

struct tree {
	uint64_t files; /* all there is, the top and directories included */
	/*
	 * For debugfs(8), two lines for each time after January 2038, of which
	 * mkfs.ext4 -d takes the lower half at most; NULL: there is none.
	 */
	FILE *late;
};

/*
 * Looks at what is in the directory `dir` and below; links are not followed,
 * and a file with several names counts for each.  On success *out is the
 * caller's (tree_fini).  EX_IOERR, EX_NOPERM.  EX_DATAERR: deeper than
 * TREE_DEPTH_MAX, or a time that ext4 or a line cannot hold.
 */
int tree_read(struct tree *out, const char *dir, struct error *err);
void tree_fini(struct tree *tree);

/*
 * So many inodes an ext4 filesystem of `size_bytes` must be told to have for
 * `files`, with an eighth of them to spare; 0: it has as many by itself.
 */
uint64_t tree_inodes(uint64_t files, uint64_t size_bytes);

#endif
