/* SPDX-License-Identifier: ISC */
#include "archive/tar_sparse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define PACKED_FIRST (64u << 10) /* bytes of a map's first memory */
#define PACKED_UNIT 4096 /* runs of whole blocks are counted in these */

#define OLD_HEAD_PAIRS 386 /* offsets in a header of type 'S' */
#define OLD_HEAD_COUNT 4
#define OLD_HEAD_MORE 482
#define OLD_HEAD_REAL 483
#define OLD_BLOCK_COUNT 21
#define OLD_BLOCK_MORE 504
#define OLD_FIELD 12

void
sparse_map_fini(struct sparse_map *map)
{
	free(map->packed);
	memset(map, 0, sizeof(*map));
}

void
sparse_map_clear(struct sparse_map *map)
{
	map->len = 0;
	map->runs = 0;
	map->end = 0;
	map->data_bytes = 0;
}

static int
reserve(struct sparse_map *map, struct error *err)
{
	size_t cap = map->cap == 0 ? PACKED_FIRST : map->cap * 2;
	unsigned char *packed;

	if (map->cap - map->len >= SPARSE_RUN_BYTES_MAX)
		return 0;
	if (cap > SPARSE_MAP_BYTES_MAX)
		return error_set(err, EX_DATAERR,
		    "sparse map of more than %" PRIu64 " runs", map->runs);
	packed = realloc(map->packed, cap);
	if (packed == NULL)
		return error_sys(err, EX_OSERR, "sparse map");
	map->packed = packed;
	map->cap = cap;
	return 0;
}

/* Seven bits a byte, lowest first, the top bit set but in the last. */
static void
pack(struct sparse_map *map, uint64_t n)
{
	while (n >= 0x80) {
		map->packed[map->len++] = (unsigned char)(n | 0x80);
		n >>= 7;
	}
	map->packed[map->len++] = (unsigned char)n;
}

int
sparse_map_add(struct sparse_map *map, uint64_t off, uint64_t len,
    uint64_t size, struct error *err)
{
	uint64_t gap = off - map->end;

	if (off < map->end)
		return error_set(err, EX_DATAERR,
		    "sparse map: run at byte %" PRIu64
		    " is out of order or overlaps",
		    off);
	if (!num_in_range(off, len, size))
		return error_set(err, EX_DATAERR,
		    "sparse map: run at byte %" PRIu64
		    " lies beyond the size of %" PRIu64,
		    off, size);
	if (len == 0)
		return 0;
	if (reserve(map, err) == -1)
		return -1;
	/* The lowest bit of the gap tells its unit and the length's. */
	if (gap % PACKED_UNIT == 0 && len % PACKED_UNIT == 0) {
		pack(map, gap / PACKED_UNIT << 1);
		pack(map, len / PACKED_UNIT);
	} else {
		pack(map, gap << 1 | 1);
		pack(map, len);
	}
	map->runs++;
	map->data_bytes += len;
	map->end = off + len;
	return 0;
}

void
sparse_iter_init(struct sparse_iter *it, const struct sparse_map *map)
{
	it->map = map;
	it->pos = 0;
	it->end = 0;
}

static uint64_t
unpack(struct sparse_iter *it)
{
	uint64_t n = 0;
	unsigned shift = 0;
	unsigned char byte;

	do {
		byte = it->map->packed[it->pos++];
		n |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) != 0);
	return n;
}

bool
sparse_iter_next(struct sparse_iter *it, uint64_t *off, uint64_t *len)
{
	uint64_t gap, unit;

	if (it->pos == it->map->len)
		return false;
	gap = unpack(it);
	unit = (gap & 1) != 0 ? 1 : PACKED_UNIT;
	*off = it->end + (gap >> 1) * unit;
	*len = unpack(it) * unit;
	it->end = *off + *len;
	return true;
}

/* GNU 0.0: pairs of records among others, each offset before its length. */
static int
from_records(struct sparse_map *map, const struct tar_pax *pax,
    struct error *err)
{
	struct tar_record r;
	uint64_t off = 0, len;
	bool has_off = false;
	size_t pos = 0;
	int more;

	while (
	    (more = tar_pax_next(&r, &pos, pax->map, pax->map_len, err)) == 1) {
		if (r.key_len == 17 &&
		    memcmp(r.key, "GNU.sparse.offset", 17) == 0) {
			if (has_off)
				break;
			if (tar_decimal(&off, r.value, r.value_len, err) == -1)
				return -1;
			has_off = true;
		} else if (r.key_len == 19 &&
		    memcmp(r.key, "GNU.sparse.numbytes", 19) == 0) {
			if (!has_off)
				break;
			if (tar_decimal(&len, r.value, r.value_len, err) ==
				-1 ||
			    sparse_map_add(map, off, len, pax->real_size,
				err) == -1)
				return -1;
			has_off = false;
		}
	}
	if (more == -1)
		return -1;
	if (has_off || more == 1)
		return error_set(err, EX_DATAERR,
		    "sparse map: an offset without its length");
	return 0;
}

/* GNU 0.1: OFF,LEN,OFF,LEN... */
static int
from_list(struct sparse_map *map, const struct tar_pax *pax, struct error *err)
{
	const char *at = pax->map, *end = pax->map + pax->map_len, *comma;
	uint64_t n, off = 0;
	bool has_off = false;

	while (at < end) {
		comma = memchr(at, ',', (size_t)(end - at));
		if (comma == NULL)
			comma = end;
		if (tar_decimal(&n, at, (size_t)(comma - at), err) == -1)
			return error_wrap(err, "sparse map");
		if (has_off &&
		    sparse_map_add(map, off, n, pax->real_size, err) == -1)
			return -1;
		off = n;
		has_off = !has_off;
		at = comma == end ? end : comma + 1;
	}
	if (has_off)
		return error_set(err, EX_DATAERR,
		    "sparse map: an offset without its length");
	return 0;
}

/* Moves *at behind `text` if that stands there. */
static bool
skip_text(const char **at, const char *end, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
		return false;
	*at += len;
	return true;
}

static int
take_number(uint64_t *out, const char **at, const char *end, struct error *err)
{
	const char *from = *at;

	while (*at < end && **at >= '0' && **at <= '9')
		(*at)++;
	return tar_decimal(out, from, (size_t)(*at - from), err);
}

/*
 * cocoon: [{"o":OFF,"l":LEN},...], compact and in this order as Go writes it,
 * or null: read as it stands, for JSON objects of it would fill the memory.
 */
static int
from_cocoon(struct sparse_map *map, const struct tar_pax *pax,
    struct error *err)
{
	const char *at = pax->map, *end = pax->map + pax->map_len;
	uint64_t off, len;

	if ((pax->map_len == 4 && memcmp(at, "null", 4) == 0) ||
	    (pax->map_len == 2 && memcmp(at, "[]", 2) == 0))
		return 0;
	if (!skip_text(&at, end, "["))
		goto bad;
	do {
		if (!skip_text(&at, end, "{\"o\":") ||
		    take_number(&off, &at, end, NULL) == -1 ||
		    !skip_text(&at, end, ",\"l\":") ||
		    take_number(&len, &at, end, NULL) == -1 ||
		    !skip_text(&at, end, "}"))
			goto bad;
		if (sparse_map_add(map, off, len, pax->real_size, err) == -1)
			return -1;
	} while (skip_text(&at, end, ","));
	if (!skip_text(&at, end, "]") || at != end)
		goto bad;
	return 0;
bad:
	return error_set(err, EX_DATAERR,
	    "COCOON.sparse.map: not a map, at its byte %zu",
	    (size_t)(at - pax->map));
}

int
sparse_map_from_pax(struct sparse_map *map, const struct tar_pax *pax,
    struct error *err)
{
	switch (pax->sparse) {
	case TAR_SPARSE_GNU_00:
		return from_records(map, pax, err);
	case TAR_SPARSE_GNU_01:
		return from_list(map, pax, err);
	case TAR_SPARSE_COCOON:
		return from_cocoon(map, pax, err);
	case TAR_SPARSE_NONE:
	case TAR_SPARSE_GNU_10:
	case TAR_SPARSE_GNU_OLD:
		break;
	}
	return error_set(err, EX_SOFTWARE, "no map in the PAX header");
}

void
sparse_text_init(struct sparse_text *t, uint64_t size)
{
	memset(t, 0, sizeof(*t));
	t->size = size;
}

/* A number is complete. */
static int
text_number(struct sparse_text *t, struct sparse_map *map, struct error *err)
{
	if (!t->has_count) {
		if (t->value > SPARSE_MAP_BYTES_MAX)
			return error_set(err, EX_DATAERR,
			    "sparse map of %" PRIu64 " runs", t->value);
		t->has_count = true;
		t->left = 2 * t->value;
	} else {
		if (t->has_off &&
		    sparse_map_add(map, t->off, t->value, t->size, err) == -1)
			return -1;
		t->off = t->value;
		t->has_off = !t->has_off;
		t->left--;
	}
	t->is_done = t->left == 0;
	t->value = 0;
	t->digits = 0;
	return 0;
}

int
sparse_text_block(struct sparse_text *t, struct sparse_map *map,
    const unsigned char block[TAR_BLOCK], struct error *err)
{
	size_t i;

	for (i = 0; i < TAR_BLOCK && !t->is_done; i++) {
		if (block[i] == '\n' && t->digits != 0) {
			if (text_number(t, map, err) == -1)
				return -1;
			continue;
		}
		if (block[i] < '0' || block[i] > '9')
			return error_set(err, EX_DATAERR,
			    "sparse map: a number that is none");
		t->value = t->value * 10 + (uint64_t)(block[i] - '0');
		if (t->value > TAR_SIZE_MAX || ++t->digits > 20)
			return error_set(err, EX_DATAERR,
			    "sparse map: number above 8 TiB");
	}
	for (; i < TAR_BLOCK; i++)
		if (block[i] != '\0')
			return error_set(err, EX_DATAERR,
			    "sparse map: padding is not zero");
	return 0;
}

/* `count` pairs; an unused one is empty or all NUL, and the last. */
static int
old_pairs(struct sparse_map *map, uint64_t real_size, const unsigned char *at,
    size_t count, struct error *err)
{
	uint64_t off, len;
	size_t i;

	for (i = 0; i < count; i++, at += 2 * OLD_FIELD) {
		if (at[0] == '\0' && at[OLD_FIELD] == '\0')
			break;
		if (tar_number(&off, at, OLD_FIELD, err) == -1 ||
		    tar_number(&len, at + OLD_FIELD, OLD_FIELD, err) == -1)
			return error_wrap(err, "sparse map");
		if (sparse_map_add(map, off, len, real_size, err) == -1)
			return -1;
	}
	return 0;
}

int
sparse_old_head(struct sparse_map *map, uint64_t *real_size, bool *more,
    const unsigned char raw[TAR_BLOCK], struct error *err)
{
	uint64_t size;

	if (tar_number(&size, raw + OLD_HEAD_REAL, OLD_FIELD, err) == -1)
		return error_wrap(err, "real size");
	if (size > TAR_SIZE_MAX)
		return error_set(err, EX_DATAERR,
		    "real size of %" PRIu64 " bytes, above 8 TiB", size);
	if (old_pairs(map, size, raw + OLD_HEAD_PAIRS, OLD_HEAD_COUNT, err) ==
	    -1)
		return -1;
	*real_size = size;
	*more = raw[OLD_HEAD_MORE] != '\0';
	return 0;
}

int
sparse_old_block(struct sparse_map *map, uint64_t real_size, bool *more,
    const unsigned char raw[TAR_BLOCK], struct error *err)
{
	if (old_pairs(map, real_size, raw, OLD_BLOCK_COUNT, err) == -1)
		return -1;
	*more = raw[OLD_BLOCK_MORE] != '\0';
	return 0;
}
