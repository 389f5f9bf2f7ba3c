/* SPDX-License-Identifier: ISC */
#include "flatten.h"

#include "base/json.h"
#include "base/progress.h"

int
flatten_write(struct sink *out, const struct cow_map *map,
    const struct image *base, const struct image *cow, bool quiet,
    struct error *err)
{
	struct progress progress;
	int rc;

	progress_init(&progress, "flattened", base->bytes, quiet);
	rc = cow_merge(out, map, base, cow, progress_show, &progress, err);
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
		cow_span(map, e->old_chunk, 1, base_bytes), err) == -1 ||
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
