/* SPDX-License-Identifier: ISC */
#include "flatten.h"

#include "base/json.h"
#include "base/progress.h"

#define FLATTEN_STEP (UINT64_C(1) << 28) /* bytes between looks at progress */

/* Bytes of the base that `n` chunks from `chunk` on have: the last is cut. */
static uint64_t
chunk_span(const struct cow_map *map, uint64_t chunk, uint64_t n,
    uint64_t base_bytes)
{
	uint64_t off = chunk * map->chunk_bytes;
	uint64_t len = n * map->chunk_bytes;

	return len < base_bytes - off ? len : base_bytes - off;
}

static int
copy_steps(struct sink *out, const struct image *from, uint64_t off,
    uint64_t len, struct progress *progress, struct error *err)
{
	uint64_t part;

	while (len > 0) {
		part = len < FLATTEN_STEP ? len : FLATTEN_STEP;
		if (sink_copy(out, from->fd, off, part, from->path, err) == -1)
			return -1;
		progress_update(progress, out->off);
		off += part;
		len -= part;
	}
	return 0;
}

static int
merge(struct sink *out, const struct cow_map *map, const struct image *base,
    const struct image *cow, struct progress *progress, struct error *err)
{
	uint64_t off, len;
	size_t i, n;

	for (i = 0; i < map->n; i += n) {
		n = cow_map_run(map, i);
		off = map->v[i].old_chunk * map->chunk_bytes;
		if (copy_steps(out, base, out->off, off - out->off, progress,
			err) == -1)
			return -1;
		len = chunk_span(map, map->v[i].old_chunk, n, base->bytes);
		off = map->v[i].new_chunk * map->chunk_bytes;
		if (copy_steps(out, cow, off, len, progress, err) == -1)
			return -1;
	}
	if (copy_steps(out, base, out->off, base->bytes - out->off, progress,
		err) == -1)
		return -1;
	return sink_finish(out, err);
}

int
flatten_write(struct sink *out, const struct cow_map *map,
    const struct image *base, const struct image *cow, bool quiet,
    struct error *err)
{
	struct progress progress;
	int rc;

	progress_init(&progress, "flattened", base->bytes, quiet);
	rc = merge(out, map, base, cow, &progress, err);
	progress_fini(&progress);
	return rc;
}

static int
print_exception(const struct cow_map *map, size_t i, uint64_t base_bytes,
    const char *members, struct error *err)
{
	const struct cow_exception *e = &map->v[i];
	json_t *record = json_object();
	int rc = -1;

	if (json_put_u64(record, "old_chunk", e->old_chunk, err) == -1 ||
	    json_put_u64(record, "new_chunk", e->new_chunk, err) == -1 ||
	    json_put_u64(record, "offset", e->old_chunk * map->chunk_bytes,
		err) == -1 ||
	    json_put_u64(record, "length",
		chunk_span(map, e->old_chunk, 1, base_bytes), err) == -1 ||
	    json_put_u64(record, "cow_offset", e->new_chunk * map->chunk_bytes,
		err) == -1)
		goto out;
	rc = json_report(record, members, err);
out:
	json_decref(record);
	return rc;
}

int
flatten_print_map(const struct cow_map *map, uint64_t base_bytes,
    const char *members, struct error *err)
{
	size_t i;

	for (i = 0; i < map->n; i++)
		if (print_exception(map, i, base_bytes, members, err) == -1)
			return -1;
	return 0;
}

int
flatten_report(const char *path, const struct cow_map *map,
    const struct sink *out, const char *members, struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (image_report(record, path, err) == 0 &&
	    json_put_u64(record, "exceptions", map->n, err) == 0 &&
	    json_put_u64(record, "reflinked", out->reflinked, err) == 0)
		rc = json_report(record, members, err);
	json_decref(record);
	return rc;
}
