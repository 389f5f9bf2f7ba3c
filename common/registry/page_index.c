/* SPDX-License-Identifier: ISC */
#include "registry/page_index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/num.h"
#include "disk/verity.h"
#include "registry/leaf.h"

#define MAGIC "INSTARIX"
#define MAGIC_BYTES 8
#define VERSION 1
#define FILE_BYTES 16
#define GROUP_BYTES 48

/* Groups of a file of so many bytes. */
static uint64_t
groups_of(uint64_t bytes)
{
	return bytes / LEAF_GROUP + (bytes % LEAF_GROUP != 0);
}

void
page_index_fini(struct page_index *x)
{
	free(x->files);
	if (!x->groups_lent)
		free(x->groups);
	memset(x, 0, sizeof(*x));
}

int
page_index_add_file(struct page_index *x, uint64_t bytes, struct error *err)
{
	struct page_file *v;

	v = realloc(x->files, (x->files_n + 1) * sizeof(*v));
	if (v == NULL)
		return error_nomem(err, "index");
	x->files = v;
	v[x->files_n++] = (struct page_file){ .bytes = bytes,
		.first = x->groups_n };
	return 0;
}

int
page_index_add_group(struct page_index *x, const struct page_group *group,
    struct error *err)
{
	struct page_group *v;
	size_t cap;

	if (x->groups_n == PAGE_INDEX_GROUPS_MAX)
		return error_set(err, EX_DATAERR,
		    "data in more than %u groups of 512 KiB",
		    PAGE_INDEX_GROUPS_MAX);
	if (x->groups_n == x->groups_cap && x->groups_lent)
		return error_set(err, EX_DATAERR, "more than %zu groups",
		    x->groups_cap);
	if (x->groups_n == x->groups_cap) {
		cap = x->groups_cap == 0 ? 256 : 2 * x->groups_cap;
		v = realloc(x->groups, cap * sizeof(*v));
		if (v == NULL)
			return error_nomem(err, "index");
		x->groups = v;
		x->groups_cap = cap;
	}
	x->groups[x->groups_n++] = *group;
	x->files[x->files_n - 1].n++;
	return 0;
}

const struct page_group *
page_index_find(const struct page_index *x, const struct page_file *file,
    uint32_t number)
{
	size_t low = 0, high = file->n, mid;
	const struct page_group *group;

	while (low < high) {
		mid = low + (high - low) / 2;
		group = &x->groups[file->first + mid];
		if (group->number == number)
			return group;
		if (group->number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

unsigned
page_index_pages(const struct page_file *file, uint32_t number)
{
	uint64_t left = file->bytes - number * LEAF_GROUP;

	if (left > LEAF_GROUP)
		left = LEAF_GROUP;
	return (unsigned)((left + LEAF_PAGE - 1) / LEAF_PAGE);
}

static int
add_groups(struct verity *v, const struct page_index *x,
    const struct page_file *file, struct error *err)
{
	const struct page_group *group;
	uint64_t at = 0, off, left;
	size_t i;

	for (i = 0; i < file->n; i++) {
		group = &x->groups[file->first + i];
		off = group->number * LEAF_GROUP;
		left = file->bytes - off;
		if (verity_zeros(v, off - at, err) == -1)
			return -1;
		if (left > LEAF_GROUP)
			left = LEAF_GROUP;
		if ((left < LEAF_GROUP
			    ? verity_add_last(v, &group->hash, left, err)
			    : verity_add_groups(v, &group->hash, 1, err)) == -1)
			return -1;
		at = off + left;
	}
	return verity_zeros(v, file->bytes - at, err);
}

int
page_index_digest(struct digest *out, const struct page_index *x,
    const struct page_file *file, struct error *err)
{
	struct verity *v;
	int rc;

	if (verity_new(&v, err) == -1)
		return -1;
	rc = add_groups(v, x, file, err);
	if (rc == 0)
		verity_final(v, out);
	verity_free(v);
	return rc;
}

int
page_index_encode(unsigned char **out, size_t *len, const struct page_index *x,
    struct error *err)
{
	unsigned char *raw, *p;
	size_t i, n;

	n = PAGE_INDEX_HEAD + x->files_n * FILE_BYTES +
	    x->groups_n * GROUP_BYTES;
	raw = calloc(1, n);
	if (raw == NULL)
		return error_nomem(err, "index");
	memcpy(raw, MAGIC, MAGIC_BYTES);
	le32_put(raw + 8, VERSION);
	le32_put(raw + 12, x->depth);
	le32_put(raw + 16, (uint32_t)x->files_n);
	le32_put(raw + 20, (uint32_t)x->parts_n);
	le64_put(raw + 24, x->groups_n);
	p = raw + PAGE_INDEX_HEAD;
	for (i = 0; i < x->files_n; i++, p += FILE_BYTES) {
		le64_put(p, x->files[i].bytes);
		le32_put(p + 8, (uint32_t)x->files[i].n);
	}
	for (i = 0; i < x->groups_n; i++, p += GROUP_BYTES) {
		le32_put(p, x->groups[i].number);
		le16_put(p + 4, x->groups[i].part);
		le16_put(p + 6, x->groups[i].len);
		le64_put(p + 8, x->groups[i].off);
		memcpy(p + 16, x->groups[i].hash.raw, DIGEST_BYTES);
	}
	*out = raw;
	*len = n;
	return 0;
}

/* All that the head counts, against the length of the whole. */
static int
decode_head(struct page_index *x, size_t *files_n, size_t *groups_n,
    const unsigned char *raw, size_t len, size_t parts_n, struct error *err)
{
	if (len < PAGE_INDEX_HEAD || memcmp(raw, MAGIC, MAGIC_BYTES) != 0)
		return error_set(err, EX_DATAERR, "no index");
	if (le32(raw + 8) != VERSION)
		return error_set(err, EX_DATAERR, "version %" PRIu32 ", not %d",
		    le32(raw + 8), VERSION);
	x->depth = le32(raw + 12);
	if (x->depth > PAGE_INDEX_DEPTH_MAX)
		return error_set(err, EX_DATAERR, "depth of %" PRIu32,
		    x->depth);
	*files_n = le32(raw + 16);
	if (*files_n > ENVELOPE_FILES_MAX)
		return error_set(err, EX_DATAERR, "%zu files", *files_n);
	x->parts_n = le32(raw + 20);
	if (x->parts_n != parts_n)
		return error_set(err, EX_DATAERR, "%zu parts, listed are %zu",
		    x->parts_n, parts_n);
	if (le64(raw + 24) > PAGE_INDEX_GROUPS_MAX)
		return error_set(err, EX_DATAERR, "%" PRIu64 " groups",
		    le64(raw + 24));
	*groups_n = (size_t)le64(raw + 24);
	if (len !=
	    PAGE_INDEX_HEAD + *files_n * FILE_BYTES + *groups_n * GROUP_BYTES)
		return error_set(err, EX_DATAERR,
		    "%zu bytes for %zu files and %zu groups", len, *files_n,
		    *groups_n);
	return 0;
}

static int
decode_group(struct page_group *out, const unsigned char *p,
    const struct part_list *parts, struct error *err)
{
	out->number = le32(p);
	out->part = le16(p + 4);
	out->len = le16(p + 6);
	out->off = le64(p + 8);
	memcpy(out->hash.raw, p + 16, DIGEST_BYTES);
	if (out->part >= parts->n || parts->v[out->part].kind != PART_TREE)
		return error_set(err, EX_DATAERR,
		    "group %" PRIu32 ": part %" PRIu16 " is no tree",
		    out->number, out->part);
	if (out->len < LEAF_HEAD || out->len > LEAF_BYTES_MAX ||
	    !num_in_range(out->off, out->len, parts->v[out->part].blob.bytes))
		return error_set(err, EX_DATAERR,
		    "group %" PRIu32 ": %" PRIu16 " bytes at %" PRIu64
		    " of a tree of %" PRIu64,
		    out->number, out->len, out->off,
		    parts->v[out->part].blob.bytes);
	return 0;
}

/* The `n` groups of the last file: in order, each once, before its end. */
static int
decode_groups(struct page_index *x, const unsigned char *p, size_t n,
    const struct part_list *parts, struct error *err)
{
	const struct page_file *file = &x->files[x->files_n - 1];
	struct page_group group;
	uint64_t next = 0;
	size_t i;

	for (i = 0; i < n; i++, p += GROUP_BYTES) {
		if (decode_group(&group, p, parts, err) == -1)
			return -1;
		if (group.number < next ||
		    group.number >= groups_of(file->bytes))
			return error_set(err, EX_DATAERR,
			    "group %" PRIu32 " of %" PRIu64
			    " is out of order or range",
			    group.number, groups_of(file->bytes));
		next = (uint64_t)group.number + 1;
		if (page_index_add_group(x, &group, err) == -1)
			return -1;
	}
	return 0;
}

static int
decode_files(struct page_index *x, const unsigned char *raw, size_t files_n,
    size_t groups_n, const struct part_list *parts, struct error *err)
{
	const unsigned char *p = raw + PAGE_INDEX_HEAD;
	const unsigned char *group = p + files_n * FILE_BYTES;
	uint64_t bytes;
	size_t i, n;

	for (i = 0; i < files_n; i++, p += FILE_BYTES) {
		bytes = le64(p);
		n = le32(p + 8);
		if (bytes > ENVELOPE_FILE_BYTES_MAX || le32(p + 12) != 0)
			return error_set(err, EX_DATAERR,
			    "file %zu: %" PRIu64 " bytes", i, bytes);
		if (n > groups_n - x->groups_n)
			return error_set(err, EX_DATAERR,
			    "file %zu: %zu groups, left are %zu", i, n,
			    groups_n - x->groups_n);
		if (page_index_add_file(x, bytes, err) == -1)
			return -1;
		if (decode_groups(x, group, n, parts, err) == -1)
			return error_wrap(err, "file %zu", i);
		group += n * GROUP_BYTES;
	}
	if (x->groups_n != groups_n)
		return error_set(err, EX_DATAERR, "%zu groups of no file",
		    groups_n - x->groups_n);
	return 0;
}

size_t
page_index_room(const unsigned char *raw, size_t len)
{
	size_t files_n, groups_n;
	struct page_index x = { 0 };

	if (len < PAGE_INDEX_HEAD ||
	    decode_head(&x, &files_n, &groups_n, raw, len, le32(raw + 20),
		NULL) == -1)
		return 0;
	return groups_n;
}

static int
decode(struct page_index *x, const unsigned char *raw, size_t len,
    const struct part_list *parts, struct error *err)
{
	size_t files_n = 0, groups_n = 0;

	if (decode_head(x, &files_n, &groups_n, raw, len, parts->n, err) == 0 &&
	    decode_files(x, raw, files_n, groups_n, parts, err) == 0)
		return 0;
	page_index_fini(x);
	return error_wrap(err, "index");
}

int
page_index_decode(struct page_index *out, const unsigned char *raw, size_t len,
    const struct part_list *parts, struct error *err)
{
	struct page_index x = { 0 };

	if (decode(&x, raw, len, parts, err) == -1)
		return -1;
	*out = x;
	return 0;
}

int
page_index_decode_in(struct page_index *out, struct page_group *room,
    size_t room_n, const unsigned char *raw, size_t len,
    const struct part_list *parts, struct error *err)
{
	struct page_index x = { .groups = room,
		.groups_cap = room_n,
		.groups_lent = true };

	if (decode(&x, raw, len, parts, err) == -1)
		return -1;
	*out = x;
	return 0;
}

int
page_index_check(const struct page_index *x, const struct envelope *e,
    struct error *err)
{
	const struct envelope_file *file;
	struct digest digest;
	size_t i;

	if (x->files_n != e->files_n)
		return error_set(err, EX_DATAERR,
		    "index: of %zu files, the envelope has %zu", x->files_n,
		    e->files_n);
	for (i = 0; i < e->files_n; i++) {
		file = &e->files[i];
		if (!file->has_digest)
			return error_set(err, EX_DATAERR, "%s: has no digest",
			    file->name);
		if (x->files[i].bytes != file->size_bytes)
			return error_set(err, EX_DATAERR,
			    "%s: %" PRIu64 " bytes by the index, %" PRIu64
			    " by the envelope",
			    file->name, x->files[i].bytes, file->size_bytes);
		if (page_index_digest(&digest, x, &x->files[i], err) == -1)
			return -1;
		if (!digest_equal(&digest, &file->digest))
			return error_set(err, EX_DATAERR,
			    "%s: the index has another digest", file->name);
	}
	return 0;
}
