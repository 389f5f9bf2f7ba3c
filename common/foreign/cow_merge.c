/* SPDX-License-Identifier: ISC */
/* A base and the exceptions of a CoW file become one image. */
#include "foreign/cow_merge.h"

#define MERGE_STEP (UINT64_C(1) << 28) /* bytes between looks at progress */

/* What goes through every step. */
struct merge {
	struct sink *out;
	cow_progress *progress;
	void *arg;
};

uint64_t
cow_span(const struct cow_map *map, uint64_t chunk, uint64_t n,
    uint64_t base_bytes)
{
	uint64_t off = chunk * map->chunk_bytes;
	uint64_t len = n * map->chunk_bytes;

	return len < base_bytes - off ? len : base_bytes - off;
}

static int
copy_steps(const struct merge *m, const struct image *from, uint64_t off,
    uint64_t len, struct error *err)
{
	uint64_t part;

	while (len > 0) {
		part = len < MERGE_STEP ? len : MERGE_STEP;
		if (sink_copy(m->out, from->fd, off, part, from->path, err) ==
		    -1)
			return -1;
		m->progress(m->arg, m->out->off);
		off += part;
		len -= part;
	}
	return 0;
}

int
cow_merge(struct sink *out, const struct cow_map *map, const struct image *base,
    const struct image *cow, cow_progress *progress, void *arg,
    struct error *err)
{
	const struct merge m = { out, progress, arg };
	uint64_t off, len;
	size_t i, n;

	for (i = 0; i < map->n; i += n) {
		n = cow_map_run(map, i);
		off = map->v[i].old_chunk * map->chunk_bytes;
		if (copy_steps(&m, base, out->off, off - out->off, err) == -1)
			return -1;
		len = cow_span(map, map->v[i].old_chunk, n, base->bytes);
		off = map->v[i].new_chunk * map->chunk_bytes;
		if (copy_steps(&m, cow, off, len, err) == -1)
			return -1;
	}
	if (copy_steps(&m, base, out->off, base->bytes - out->off, err) == -1)
		return -1;
	return sink_finish(out, err);
}
