/* SPDX-License-Identifier: ISC */
#include "overlay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "base/progress.h"
#include "disk/extent.h"
#include "foreign/cow.h"

#define OVERLAY_PIECE 262144 /* bytes compared at once; a power of two */

/* One comparison. */
struct pair {
	const struct image *base, *changed;
	uint64_t chunk_bytes;
	struct overlay_list list;
	size_t cap;
	unsigned char *a, *b; /* OVERLAY_PIECE each */
};

int
overlay_parse_chunk(uint32_t *out, const char *text, struct error *err)
{
	uint64_t n = COW_CHUNK_SECTORS;

	if (text != NULL &&
	    num_u64(&n, text, 1, COW_CHUNK_SECTORS_MAX, err) == -1)
		return error_wrap(err, "--chunk");
	if (!cow_is_chunk_sectors(n))
		return error_set(err, EX_USAGE,
		    "--chunk: %s is not a power of two", text);
	*out = (uint32_t)n;
	return 0;
}

int
overlay_check(const struct image *base, const struct image *changed,
    struct error *err)
{
	if (base->bytes % COW_SECTOR_BYTES != 0)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes are not whole sectors", base->path,
		    base->bytes);
	if (base->bytes != changed->bytes)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, where %s has %" PRIu64,
		    changed->path, changed->bytes, base->path, base->bytes);
	return 0;
}

static int
list_add(struct pair *p, uint64_t chunk, struct error *err)
{
	uint64_t *v;
	size_t n;

	if (p->list.n > 0 && p->list.v[p->list.n - 1] == chunk)
		return 0;
	if (p->list.n >= COW_EXCEPTIONS_MAX)
		return error_set(err, EX_DATAERR,
		    "%s: more than %" PRIu64 " chunks differ; larger ones "
		    "(--chunk) are fewer",
		    p->changed->path, COW_EXCEPTIONS_MAX);
	if (p->list.n == p->cap) {
		n = p->cap == 0 ? 1024 : p->cap * 2;
		v = realloc(p->list.v, n * sizeof(*v));
		if (v == NULL)
			return error_sys(err, EX_OSERR, "%s", p->changed->path);
		p->list.v = v;
		p->cap = n;
	}
	p->list.v[p->list.n++] = chunk;
	return 0;
}

/* Where the next piece with data in either image begins: 1, 0 none, -1. */
static int
next_piece(uint64_t *off, const struct pair *p, struct error *err)
{
	struct extent a = { 0 }, b = { 0 };
	uint64_t size = p->base->bytes, start;
	int in_a, in_b;

	in_a = extent_next(&a, p->base->fd, *off, size, p->base->path, err);
	if (in_a == -1)
		return -1;
	in_b = extent_next(&b, p->changed->fd, *off, size, p->changed->path,
	    err);
	if (in_b == -1)
		return -1;
	if (in_a == 0 && in_b == 0)
		return 0;
	if (in_a == 1 && (in_b == 0 || a.off < b.off))
		start = a.off;
	else
		start = b.off;
	start -= start % OVERLAY_PIECE;
	if (start > *off)
		*off = start;
	return 1;
}

static int
compare_piece(struct pair *p, uint64_t off, size_t len, struct error *err)
{
	size_t step, part, pos;

	if (fd_pread(p->base->fd, p->a, len, off, p->base->path, err) == -1 ||
	    fd_pread(p->changed->fd, p->b, len, off, p->changed->path, err) ==
		-1)
		return -1;
	if (memcmp(p->a, p->b, len) == 0)
		return 0;
	step = p->chunk_bytes < OVERLAY_PIECE ? (size_t)p->chunk_bytes
					      : OVERLAY_PIECE;
	for (pos = 0; pos < len; pos += part) {
		part = len - pos < step ? len - pos : step;
		if (memcmp(p->a + pos, p->b + pos, part) != 0 &&
		    list_add(p, (off + pos) / p->chunk_bytes, err) == -1)
			return -1;
	}
	return 0;
}

static int
compare(struct pair *p, struct progress *progress, struct error *err)
{
	uint64_t off = 0, size = p->base->bytes;
	size_t len;
	int more;

	while ((more = next_piece(&off, p, err)) == 1) {
		len = size - off < OVERLAY_PIECE ? (size_t)(size - off)
						 : OVERLAY_PIECE;
		if (compare_piece(p, off, len, err) == -1)
			return -1;
		off += len;
		progress_update(progress, off);
	}
	return more;
}

int
overlay_compare(struct overlay_list *out, const struct image *base,
    const struct image *changed, uint32_t chunk_sectors, bool quiet,
    struct error *err)
{
	struct pair p = { .base = base, .changed = changed };
	struct progress progress;
	int rc = -1;

	p.chunk_bytes = (uint64_t)chunk_sectors * COW_SECTOR_BYTES;
	p.a = malloc(OVERLAY_PIECE);
	p.b = malloc(OVERLAY_PIECE);
	if (p.a == NULL || p.b == NULL) {
		error_sys(err, EX_OSERR, "%s", changed->path);
		goto out;
	}
	progress_init(&progress, "compared", base->bytes, quiet);
	rc = compare(&p, &progress, err);
	progress_fini(&progress);
	if (rc == -1)
		goto out;
	*out = p.list;
	p.list.v = NULL;
out:
	overlay_list_fini(&p.list);
	free(p.b);
	free(p.a);
	return rc;
}

void
overlay_list_fini(struct overlay_list *list)
{
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

static int
write_head(struct sink *out, uint32_t chunk_sectors, struct error *err)
{
	unsigned char raw[COW_HEAD_BYTES];
	uint64_t chunk_bytes = (uint64_t)chunk_sectors * COW_SECTOR_BYTES;

	cow_head_encode(raw, chunk_sectors);
	if (sink_data(out, raw, sizeof(raw), err) == -1)
		return -1;
	return sink_zeros(out, chunk_bytes - sizeof(raw), err);
}

/* The area with the exceptions [first, first + n); zeros behind them. */
static int
write_area(struct sink *out, const struct overlay_list *list, size_t first,
    size_t n, uint32_t chunk_sectors, struct error *err)
{
	unsigned char raw[256 * COW_ENTRY_BYTES];
	uint64_t left = (uint64_t)chunk_sectors * COW_SECTOR_BYTES;
	struct cow_exception e;
	size_t i, len = 0;

	for (i = first; i < first + n; i++) {
		e.old_chunk = list->v[i];
		e.new_chunk = cow_data_chunk(chunk_sectors, i);
		cow_entry_encode(raw + len, &e);
		len += COW_ENTRY_BYTES;
		if (len < sizeof(raw) && i + 1 < first + n)
			continue;
		if (sink_data(out, raw, len, err) == -1)
			return -1;
		left -= len;
		len = 0;
	}
	return sink_zeros(out, left, err);
}

/* The chunks of exceptions [first, first + n), neighbours as one run. */
static int
write_chunks(struct sink *out, const struct overlay_list *list, size_t first,
    size_t n, const struct image *changed, uint64_t chunk_bytes,
    struct error *err)
{
	uint64_t off, len, there;
	size_t i, run;

	for (i = first; i < first + n; i += run) {
		run = 1;
		while (
		    i + run < first + n && list->v[i + run] == list->v[i] + run)
			run++;
		off = list->v[i] * chunk_bytes;
		len = run * chunk_bytes;
		there = changed->bytes - off < len ? changed->bytes - off : len;
		if (sink_copy(out, changed->fd, off, there, changed->path,
			err) == -1 ||
		    sink_zeros(out, len - there, err) == -1)
			return -1;
	}
	return 0;
}

int
overlay_write(struct sink *out, const struct overlay_list *list,
    const struct image *changed, uint32_t chunk_sectors, struct error *err)
{
	uint64_t areas = cow_areas(chunk_sectors, list->n), area;
	size_t per_area = (size_t)cow_entries_per_area(chunk_sectors);
	size_t first = 0, n;

	if (write_head(out, chunk_sectors, err) == -1)
		return -1;
	for (area = 0; area < areas; area++) {
		n = list->n - first < per_area ? list->n - first : per_area;
		if (write_area(out, list, first, n, chunk_sectors, err) == -1 ||
		    write_chunks(out, list, first, n, changed,
			(uint64_t)chunk_sectors * COW_SECTOR_BYTES, err) == -1)
			return -1;
		first += n;
	}
	return sink_finish(out, err);
}

int
overlay_report(const char *path, const struct overlay_list *list,
    uint32_t chunk_sectors, const struct sink *out, const char *members,
    struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (image_report(record, path, err) == 0 &&
	    json_put_u64(record, "chunk_sectors", chunk_sectors, err) == 0 &&
	    json_put_u64(record, "exceptions", list->n, err) == 0 &&
	    json_put_u64(record, "reflinked", out->reflinked, err) == 0)
		rc = json_report(record, members, err);
	json_decref(record);
	return rc;
}
