/* SPDX-License-Identifier: ISC */
/*
 * Where a file in an archive has its data: a map of runs, in order, apart from
 * one another.  Kept packed (two to six bytes a run), for a file may have
 * millions.  The parsers take what archives say in its various spellings;
 * GNU tar manual, "Storing Sparse Files"; instar-archive(5).
 */
#ifndef ARCHIVE_TAR_SPARSE_H
#define ARCHIVE_TAR_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/tar_head.h"
#include "base/error.h"

/* Bytes of a packed map: eight million runs of whole blocks, and 64 MiB is all
 * that a tool may use. */
#define SPARSE_MAP_BYTES_MAX (16u << 20)
#define SPARSE_RUN_BYTES_MAX 20 /* of it for one run: two 64-bit numbers */

struct sparse_map { /* { 0 } is an empty one */
	unsigned char *packed;
	size_t len, cap;
	uint64_t runs;
	uint64_t end; /* behind the last run */
	uint64_t data_bytes; /* sum of all runs */
};

void sparse_map_fini(struct sparse_map *map);

/* Empties it, and keeps its memory. */
void sparse_map_clear(struct sparse_map *map);

/*
 * Appends the run [off, off + len), which must not begin before the end of the
 * last one nor reach behind `size`; an empty one is not kept.  EX_DATAERR: out
 * of order, overlapping, behind the size, too many.
 */
int sparse_map_add(struct sparse_map *map, uint64_t off, uint64_t len,
    uint64_t size, struct error *err);

struct sparse_iter {
	const struct sparse_map *map;
	size_t pos;
	uint64_t end;
};

void sparse_iter_init(struct sparse_iter *it, const struct sparse_map *map);
/* The next run; false behind the last. */
bool sparse_iter_next(struct sparse_iter *it, uint64_t *off, uint64_t *len);

/*
 * Fills the empty *map from the text of PAX records: forms GNU 0.0, 0.1 and
 * COCOON.  EX_DATAERR.
 */
int sparse_map_from_pax(struct sparse_map *map, const struct tar_pax *pax,
    struct error *err);

/* GNU PAX 1.0: the map at the head of the data, read piece by piece. */
struct sparse_text {
	uint64_t size; /* apparent bytes of the file */
	uint64_t left; /* numbers still to come; unknown before the first */
	uint64_t value, off;
	unsigned digits;
	bool has_count, has_off, is_done;
};

void sparse_text_init(struct sparse_text *t, uint64_t size);
/*
 * Takes the next block; t->is_done tells that it was the last one.
 * EX_DATAERR: no number, set padding, or as sparse_map_add().
 */
int sparse_text_block(struct sparse_text *t, struct sparse_map *map,
    const unsigned char block[TAR_BLOCK], struct error *err);

/*
 * Old GNU: four pairs in the header of type 'S', 21 in each block behind it.
 * *more tells whether another block follows; *real_size is set by the header.
 */
int sparse_old_head(struct sparse_map *map, uint64_t *real_size, bool *more,
    const unsigned char raw[TAR_BLOCK], struct error *err);
int sparse_old_block(struct sparse_map *map, uint64_t real_size, bool *more,
    const unsigned char raw[TAR_BLOCK], struct error *err);

#endif
