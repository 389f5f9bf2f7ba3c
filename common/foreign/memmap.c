/* SPDX-License-Identifier: ISC */
#include "foreign/memmap.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/num.h"

static const struct memmap_uuid nil;

static bool
uuid_is(const struct memmap_uuid *a, const struct memmap_uuid *b)
{
	return memcmp(a->raw, b->raw, sizeof(a->raw)) == 0;
}

void
memmap_uuid_text(char out[MEMMAP_UUID_TEXT], const struct memmap_uuid *uuid)
{
	char *p = out;
	size_t i;

	for (i = 0; i < sizeof(uuid->raw); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02x", uuid->raw[i]);
	}
}

void
memmap_fini(struct memmap *map)
{
	free(map->v);
	map->v = NULL;
	map->n = 0;
}

/* The index of a build, which is added when it is new; -1: too many. */
static int
find_build(struct memmap *map, const struct memmap_uuid *build)
{
	size_t i;

	for (i = 0; i < map->builds_n; i++)
		if (uuid_is(&map->builds[i], build))
			return (int)i;
	if (map->builds_n == MEMMAP_BUILDS_MAX)
		return -1;
	map->builds[map->builds_n++] = *build;
	return (int)i;
}

/* Room for one entry more: the array has the next power of two. */
static int
grow(struct memmap *map, struct error *err)
{
	struct memmap_entry *v;
	size_t cap = map->n == 0 ? 16 : map->n * 2;

	if (map->n >= MEMMAP_ENTRIES_MAX)
		return error_set(err, EX_DATAERR, "more than %u entries",
		    MEMMAP_ENTRIES_MAX);
	if (map->n != 0 && (map->n < 16 || (map->n & (map->n - 1)) != 0))
		return 0;
	v = realloc(map->v, cap * sizeof(*v));
	if (v == NULL)
		return error_sys(err, EX_OSERR, "memory map");
	map->v = v;
	return 0;
}

int
memmap_add(struct memmap *map, uint64_t len, const struct memmap_uuid *build,
    uint64_t storage_off, struct error *err)
{
	struct memmap_entry *last = map->n == 0 ? NULL : &map->v[map->n - 1];
	struct memmap_entry e = { 0, len, MEMMAP_ZEROS, 0 };

	if (build != NULL) {
		e.build = find_build(map, build);
		e.storage_off = storage_off;
		if (e.build == -1)
			return error_set(err, EX_DATAERR, "more than %d builds",
			    MEMMAP_BUILDS_MAX);
	}
	if (last != NULL) {
		e.off = last->off + last->len;
		if (last->build == e.build &&
		    (build == NULL ||
			last->storage_off + last->len == storage_off)) {
			last->len += len;
			return 0;
		}
	}
	if (grow(map, err) == -1)
		return -1;
	map->v[map->n++] = e;
	return 0;
}

static int
decode_head(struct memmap *map, const unsigned char *raw, size_t len,
    struct error *err)
{
	if (len < MEMMAP_HEAD_BYTES)
		return error_set(err, EX_DATAERR, "ends at byte %zu, %zu short",
		    len, MEMMAP_HEAD_BYTES - len);
	if (le64(raw) != MEMMAP_VERSION)
		return error_set(err, EX_DATAERR,
		    "byte 0: version %" PRIu64 ", not %d", le64(raw),
		    MEMMAP_VERSION);
	map->block_bytes = le64(raw + 8);
	if (map->block_bytes < MEMMAP_BLOCK ||
	    map->block_bytes > MEMMAP_BLOCK_MAX ||
	    (map->block_bytes & (map->block_bytes - 1)) != 0)
		return error_set(err, EX_DATAERR,
		    "byte 8: blocks of %" PRIu64 " bytes", map->block_bytes);
	map->size_bytes = le64(raw + 16);
	if (map->size_bytes == 0 || map->size_bytes > MEMMAP_SIZE_MAX ||
	    map->size_bytes % map->block_bytes != 0)
		return error_set(err, EX_DATAERR,
		    "byte 16: memory of %" PRIu64 " bytes", map->size_bytes);
	map->generation = le64(raw + 24);
	if (map->generation > MEMMAP_GENERATION_MAX)
		return error_set(err, EX_DATAERR,
		    "byte 24: generation %" PRIu64, map->generation);
	memcpy(map->build.raw, raw + 32, MEMMAP_UUID_BYTES);
	memcpy(map->base_build.raw, raw + 48, MEMMAP_UUID_BYTES);
	if (uuid_is(&map->build, &nil))
		return error_set(err, EX_DATAERR, "byte 32: no build");
	if ((len - MEMMAP_HEAD_BYTES) % MEMMAP_ENTRY_BYTES != 0)
		return error_set(err, EX_DATAERR,
		    "ends at byte %zu, inside an entry", len);
	if (len > MEMMAP_BYTES_MAX)
		return error_set(err, EX_DATAERR,
		    "byte %d: more than %u entries", MEMMAP_HEAD_BYTES,
		    MEMMAP_ENTRIES_MAX);
	return 0;
}

/* The entry at byte `at`; the memory before `*end` is covered. */
static int
decode_entry(struct memmap *map, uint64_t *end, const unsigned char *raw,
    size_t at, struct error *err)
{
	uint64_t off = le64(raw), len = le64(raw + 8), stored = le64(raw + 32);
	struct memmap_uuid build;

	memcpy(build.raw, raw + 16, MEMMAP_UUID_BYTES);
	if (off != *end)
		return error_set(err, EX_DATAERR,
		    "byte %zu: memory at %" PRIu64 ", %s %" PRIu64, at, off,
		    off < *end ? "which is covered up to" : "with a gap behind",
		    *end);
	if (len == 0 || len % map->block_bytes != 0 ||
	    !num_in_range(off, len, map->size_bytes))
		return error_set(err, EX_DATAERR,
		    "byte %zu: %" PRIu64 " bytes at %" PRIu64 " of %" PRIu64,
		    at + 8, len, off, map->size_bytes);
	*end = off + len;
	if (uuid_is(&build, &nil))
		return memmap_add(map, len, NULL, 0, err);
	if (stored % map->block_bytes != 0 ||
	    !num_in_range(stored, len, MEMMAP_SIZE_MAX))
		return error_set(err, EX_DATAERR,
		    "byte %zu: stored at %" PRIu64, at + 32, stored);
	if (memmap_add(map, len, &build, stored, err) == -1)
		return error_wrap(err, "byte %zu", at);
	return 0;
}

static int
decode_entries(struct memmap *map, const unsigned char *raw, size_t len,
    struct error *err)
{
	uint64_t end = 0;
	size_t at;

	for (at = MEMMAP_HEAD_BYTES; at < len; at += MEMMAP_ENTRY_BYTES)
		if (decode_entry(map, &end, raw + at, at, err) == -1)
			return -1;
	if (len == MEMMAP_HEAD_BYTES)
		return memmap_add(map, map->size_bytes, &map->build, 0, err);
	if (end != map->size_bytes)
		return error_set(err, EX_DATAERR,
		    "ends at byte %zu: memory is covered up to %" PRIu64
		    " of %" PRIu64,
		    len, end, map->size_bytes);
	return 0;
}

int
memmap_decode(struct memmap *out, const unsigned char *raw, size_t len,
    struct error *err)
{
	struct memmap map = { 0 };

	if (decode_head(&map, raw, len, err) == -1)
		return -1;
	if (decode_entries(&map, raw, len, err) == -1) {
		memmap_fini(&map);
		return -1;
	}
	*out = map;
	return 0;
}

int
memmap_encode(unsigned char **raw, size_t *len, const struct memmap *map,
    struct error *err)
{
	size_t bytes = MEMMAP_HEAD_BYTES + map->n * MEMMAP_ENTRY_BYTES, i;
	const struct memmap_entry *e;
	unsigned char *buf, *p;

	buf = calloc(1, bytes);
	if (buf == NULL)
		return error_sys(err, EX_OSERR, "memory map");
	le64_put(buf, MEMMAP_VERSION);
	le64_put(buf + 8, map->block_bytes);
	le64_put(buf + 16, map->size_bytes);
	le64_put(buf + 24, map->generation);
	memcpy(buf + 32, map->build.raw, MEMMAP_UUID_BYTES);
	memcpy(buf + 48, map->base_build.raw, MEMMAP_UUID_BYTES);
	for (i = 0; i < map->n; i++) {
		e = &map->v[i];
		p = buf + MEMMAP_HEAD_BYTES + i * MEMMAP_ENTRY_BYTES;
		le64_put(p, e->off);
		le64_put(p + 8, e->len);
		if (e->build == MEMMAP_ZEROS)
			continue;
		memcpy(p + 16, map->builds[e->build].raw, MEMMAP_UUID_BYTES);
		le64_put(p + 32, e->storage_off);
	}
	*raw = buf;
	*len = bytes;
	return 0;
}
