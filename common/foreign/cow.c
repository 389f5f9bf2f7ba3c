/* SPDX-License-Identifier: ISC */
#include "foreign/cow.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/le.h"
#include "base/sig.h"
#include "disk/extent.h"

#define COW_PIECE_BYTES 65536 /* of an area, read at once */

/* The exceptions of a file, one after another. */
struct walk {
	int fd;
	const char *what;
	uint64_t cow_bytes, chunk_bytes, per_area, base_chunks;
	uint64_t area; /* the next one to read, when `left` is 0 */
	uint64_t left; /* bytes of the present area behind `buf` */
	uint64_t at; /* where those begin */
	size_t pos, len; /* within buf */
	unsigned char *buf; /* COW_PIECE_BYTES */
};

bool
cow_is_chunk_sectors(uint64_t n)
{
	return n != 0 && n <= COW_CHUNK_SECTORS_MAX && (n & (n - 1)) == 0;
}

uint64_t
cow_entries_per_area(uint32_t chunk_sectors)
{
	return (uint64_t)chunk_sectors * COW_SECTOR_BYTES / COW_ENTRY_BYTES;
}

uint64_t
cow_area_chunk(uint32_t chunk_sectors, uint64_t n)
{
	return 1 + n * (cow_entries_per_area(chunk_sectors) + 1);
}

uint64_t
cow_data_chunk(uint32_t chunk_sectors, uint64_t i)
{
	uint64_t per_area = cow_entries_per_area(chunk_sectors);

	return cow_area_chunk(chunk_sectors, i / per_area) + 1 + i % per_area;
}

uint64_t
cow_areas(uint32_t chunk_sectors, uint64_t exceptions)
{
	return exceptions / cow_entries_per_area(chunk_sectors) + 1;
}

int
cow_head_decode(struct cow_head *out, const unsigned char raw[COW_HEAD_BYTES],
    struct error *err)
{
	struct cow_head h = { 0 };

	if (le32(raw) == 0) {
		h.is_new = true;
		*out = h;
		return 0;
	}
	if (le32(raw) != COW_MAGIC)
		return error_set(err, EX_DATAERR,
		    "byte 0: no CoW file: magic 0x%08" PRIx32, le32(raw));
	if (le32(raw + 4) == 0)
		return error_set(err, EX_DATAERR,
		    "byte 4: the snapshot was invalidated (overflow or I/O "
		    "error)");
	if (le32(raw + 4) != 1)
		return error_set(err, EX_DATAERR,
		    "byte 4: valid is %" PRIu32 ", not 1", le32(raw + 4));
	if (le32(raw + 8) != COW_VERSION)
		return error_set(err, EX_DATAERR,
		    "byte 8: version %" PRIu32 ", not %d", le32(raw + 8),
		    COW_VERSION);
	h.chunk_sectors = le32(raw + 12);
	if (!cow_is_chunk_sectors(h.chunk_sectors))
		return error_set(err, EX_DATAERR,
		    "byte 12: chunk of %" PRIu32 " sectors", h.chunk_sectors);
	*out = h;
	return 0;
}

void
cow_head_encode(unsigned char raw[COW_HEAD_BYTES], uint32_t chunk_sectors)
{
	le32_put(raw, COW_MAGIC);
	le32_put(raw + 4, 1);
	le32_put(raw + 8, COW_VERSION);
	le32_put(raw + 12, chunk_sectors);
}

void
cow_entry_encode(unsigned char raw[COW_ENTRY_BYTES],
    const struct cow_exception *e)
{
	le64_put(raw, e->old_chunk);
	le64_put(raw + 8, e->new_chunk);
}

/* Makes the next area the present one. */
static int
begin_area(struct walk *w, struct error *err)
{
	uint64_t chunk = 1 + w->area * (w->per_area + 1);

	/* In chunks: the bytes of an area beyond the end may not fit. */
	if (chunk >= w->cow_bytes / w->chunk_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: ends at byte %" PRIu64
		    ", before or within area %" PRIu64 " at chunk %" PRIu64,
		    w->what, w->cow_bytes, w->area, chunk);
	w->at = chunk * w->chunk_bytes;
	w->left = w->chunk_bytes;
	w->area++;
	return 0;
}

static int
check_entry(const struct walk *w, const struct cow_exception *e, uint64_t at,
    struct error *err)
{
	if (e->old_chunk >= w->base_chunks)
		return error_set(err, EX_DATAERR,
		    "%s: byte %" PRIu64 ": chunk %" PRIu64
		    " of a base of %" PRIu64 " chunks",
		    w->what, at, e->old_chunk, w->base_chunks);
	if (e->new_chunk < 2 || e->new_chunk % (w->per_area + 1) == 1)
		return error_set(err, EX_DATAERR,
		    "%s: byte %" PRIu64 ": data at chunk %" PRIu64
		    ", which holds metadata",
		    w->what, at + 8, e->new_chunk);
	if (e->new_chunk >= w->cow_bytes / w->chunk_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: byte %" PRIu64 ": data at chunk %" PRIu64
		    ", beyond the end of the file",
		    w->what, at + 8, e->new_chunk);
	return 0;
}

/* The next exception and where it stands: 1, 0 at the end of the list, -1. */
static int
walk_next(struct cow_exception *out, uint64_t *at, struct walk *w,
    struct error *err)
{
	struct cow_exception e;

	if (w->pos == w->len) {
		if (w->left == 0 && begin_area(w, err) == -1)
			return -1;
		w->len = w->left < COW_PIECE_BYTES ? (size_t)w->left
						   : COW_PIECE_BYTES;
		w->pos = 0;
		if (fd_pread(w->fd, w->buf, w->len, w->at, w->what, err) == -1)
			return -1;
		w->at += w->len;
		w->left -= w->len;
	}
	e.old_chunk = le64(w->buf + w->pos);
	e.new_chunk = le64(w->buf + w->pos + 8);
	if (e.new_chunk == 0)
		return 0;
	*at = w->at - w->len + w->pos;
	if (check_entry(w, &e, *at, err) == -1)
		return -1;
	w->pos += COW_ENTRY_BYTES;
	*out = e;
	return 1;
}

static void
walk_rewind(struct walk *w)
{
	w->area = w->left = w->at = 0;
	w->pos = w->len = 0;
}

static int
map_add(struct cow_map *map, size_t *cap, const struct cow_exception *e,
    const char *what, struct error *err)
{
	struct cow_exception *v;
	size_t n;

	if (map->n >= COW_EXCEPTIONS_MAX)
		return error_set(err, EX_DATAERR,
		    "%s: more than %" PRIu64 " exceptions", what,
		    COW_EXCEPTIONS_MAX);
	if (map->n == *cap) {
		n = *cap == 0 ? 1024 : *cap * 2;
		v = realloc(map->v, n * sizeof(*v));
		if (v == NULL)
			return error_sys(err, EX_OSERR, "%s", what);
		map->v = v;
		*cap = n;
	}
	map->v[map->n++] = *e;
	return 0;
}

static int
by_new(const void *a, const void *b)
{
	const struct cow_exception *x = a, *y = b;

	return (x->new_chunk > y->new_chunk) - (x->new_chunk < y->new_chunk);
}

static int
by_old(const void *a, const void *b)
{
	const struct cow_exception *x = a, *y = b;

	return (x->old_chunk > y->old_chunk) - (x->old_chunk < y->old_chunk);
}

/* Sorts, unless it is in order already, and returns the first twin, or NULL. */
static const struct cow_exception *
sort(struct cow_map *map, int (*order)(const void *, const void *))
{
	size_t i;

	for (i = 1; i < map->n; i++)
		if (order(&map->v[i - 1], &map->v[i]) > 0)
			break;
	if (i < map->n)
		qsort(map->v, map->n, sizeof(*map->v), order);
	for (i = 1; i < map->n; i++)
		if (order(&map->v[i - 1], &map->v[i]) == 0)
			return &map->v[i];
	return NULL;
}

/* Says where the second exception stands that is equal to `twin` by `order`. */
static int
blame_twin(struct walk *w, const struct cow_exception *twin,
    int (*order)(const void *, const void *), struct error *err)
{
	struct cow_exception e;
	uint64_t at;
	int seen = 0;

	walk_rewind(w);
	do {
		if (walk_next(&e, &at, w, err) != 1)
			return error_set(err, EX_DATAERR, "%s: changes",
			    w->what);
		if (order(&e, twin) == 0)
			seen++;
	} while (seen < 2);
	if (order == by_old)
		return error_set(err, EX_DATAERR,
		    "%s: byte %" PRIu64 ": chunk %" PRIu64
		    " of the base for the second time",
		    w->what, at, e.old_chunk);
	return error_set(err, EX_DATAERR,
	    "%s: byte %" PRIu64 ": data at chunk %" PRIu64
	    " for the second time",
	    w->what, at + 8, e.new_chunk);
}

/* All exceptions, in order, none of them twice on either side. */
static int
read_map(struct cow_map *map, struct walk *w, struct error *err)
{
	const struct cow_exception *twin;
	struct cow_exception e;
	size_t cap = 0;
	uint64_t at;
	int more;

	while ((more = walk_next(&e, &at, w, err)) == 1)
		if (map_add(map, &cap, &e, w->what, err) == -1)
			return -1;
	if (more == -1)
		return -1;
	twin = sort(map, by_new);
	if (twin != NULL)
		return blame_twin(w, twin, by_new, err);
	twin = sort(map, by_old);
	if (twin != NULL)
		return blame_twin(w, twin, by_old, err);
	return 0;
}

/* That the `len` bytes at `off` are zeros; `buf` takes COW_PIECE_BYTES. */
static int
check_zeros(unsigned char *buf, int fd, uint64_t off, uint64_t len,
    const char *what, struct error *err)
{
	size_t n, i;

	for (; len != 0; off += n, len -= n) {
		n = len < COW_PIECE_BYTES ? (size_t)len : COW_PIECE_BYTES;
		if (sig_check(err) == -1 ||
		    fd_pread(fd, buf, n, off, what, err) == -1)
			return -1;
		if (extent_is_zero(buf, n))
			continue;
		for (i = 0; buf[i] == 0; i++)
			continue;
		return error_set(err, EX_DATAERR,
		    "%s: byte %" PRIu64 ": no CoW file: data without magic",
		    what, off + i);
	}
	return 0;
}

/*
 * The kernel takes any file without magic for a new one.  Whoever mistakes a
 * disk for a CoW file would get back the base as it was: ext4, for one, begins
 * with 1024 zeros, and other disks with more.  So all of it is looked at.
 */
static int
check_new(int fd, uint64_t cow_bytes, const char *what, struct error *err)
{
	unsigned char *buf = malloc(COW_PIECE_BYTES);
	struct extent run = { 0 };
	int more;

	if (buf == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	while ((more = extent_next(&run, fd, run.off + run.len, cow_bytes, what,
		    err)) == 1)
		if (check_zeros(buf, fd, run.off, run.len, what, err) == -1) {
			more = -1;
			break;
		}
	free(buf);
	return more;
}

int
cow_read(struct cow_map *out, int fd, uint64_t cow_bytes, uint64_t base_bytes,
    const char *what, struct error *err)
{
	struct walk w = { .fd = fd, .what = what, .cow_bytes = cow_bytes };
	unsigned char raw[COW_HEAD_BYTES];
	struct cow_map map = { 0 };
	struct cow_head head;
	int rc = -1;

	if (cow_bytes > COW_BYTES_MAX)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, more than 8 TiB", what, cow_bytes);
	if (fd_pread(fd, raw, sizeof(raw), 0, what, err) == -1)
		return -1;
	if (cow_head_decode(&head, raw, err) == -1)
		return error_wrap(err, "%s", what);
	if (head.is_new) {
		if (check_new(fd, cow_bytes, what, err) == -1)
			return -1;
		*out = map;
		return 0;
	}
	map.chunk_bytes = (uint64_t)head.chunk_sectors * COW_SECTOR_BYTES;
	w.chunk_bytes = map.chunk_bytes;
	w.per_area = cow_entries_per_area(head.chunk_sectors);
	w.base_chunks = base_bytes / map.chunk_bytes +
	    (base_bytes % map.chunk_bytes != 0);
	w.buf = malloc(COW_PIECE_BYTES);
	if (w.buf == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	if (read_map(&map, &w, err) == -1)
		goto out;
	*out = map;
	map.v = NULL;
	rc = 0;
out:
	free(w.buf);
	cow_map_fini(&map);
	return rc;
}

void
cow_map_fini(struct cow_map *map)
{
	free(map->v);
	map->v = NULL;
	map->n = 0;
}

size_t
cow_map_run(const struct cow_map *map, size_t i)
{
	size_t n = 1;

	while (i + n < map->n &&
	    map->v[i + n].old_chunk == map->v[i].old_chunk + n &&
	    map->v[i + n].new_chunk == map->v[i].new_chunk + n)
		n++;
	return n;
}
