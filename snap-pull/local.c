/* SPDX-License-Identifier: ISC */
#include "local.h"

#include <sys/ioctl.h>

#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "disk/extent.h"

#define REFLINK_PAGES 16 /* a shorter run is copied: extents cost, too */

/* A group's bytes, filled up with zeros, and what they are. */
struct group {
	unsigned char *bytes; /* LEAF_GROUP */
	struct leaf leaf;
	bool is_there; /* else none of it is data */
};

void
local_fini(struct local *l)
{
	size_t i;

	for (i = 0; i < POOL_WORKERS_MAX; i++) {
		free(l->buf[i]);
		l->buf[i] = NULL;
	}
	fd_drop(&l->from);
}

/* Reads what of the group is data, and hashes its pages. */
static int
read_group(struct group *g, int fd, uint64_t size, uint32_t number,
    unsigned pages, const char *name, struct error *err)
{
	uint64_t off = number * LEAF_GROUP, end = off + LEAF_GROUP;
	const unsigned char *page = g->bytes;
	struct extent run;
	uint64_t at;
	unsigned i;
	int more;

	leaf_init(&g->leaf, pages);
	g->is_there = false;
	if (end > size)
		end = size;
	memset(g->bytes, 0, LEAF_GROUP);
	for (at = off; at < end; at = run.off + run.len) {
		more = extent_next(&run, fd, at, end, name, err);
		if (more == -1 ||
		    (more == 1 &&
			fd_pread(fd, g->bytes + (run.off - off),
			    (size_t)run.len, run.off, name, err) == -1))
			return -1;
		if (more == 0)
			break;
		g->is_there = true;
	}
	for (i = 0; g->is_there && i < g->leaf.pages; i++, page += LEAF_PAGE) {
		if (extent_is_zero(page, LEAF_PAGE))
			continue;
		g->leaf.is_data[i] = true;
		sha256_of(g->leaf.hash[i].raw, page, LEAF_PAGE);
	}
	return 0;
}

static bool
is_group(const struct group *g, const struct page_group *group,
    uint64_t file_bytes)
{
	struct digest hash;

	leaf_hash(&hash, &g->leaf, file_bytes <= LEAF_GROUP);
	return g->is_there && digest_equal(&hash, &group->hash);
}

static unsigned
count(const struct leaf *leaf)
{
	unsigned i, n = 0;

	for (i = 0; i < leaf->pages; i++)
		n += leaf->is_data[i];
	return n;
}

/* Shares or copies the pages from number `i` up to `end` of the group. */
static int
put_pages(struct look *look, const unsigned char *bytes, unsigned i,
    unsigned end, struct error *err)
{
	const struct local *l = look->local;
	uint64_t off = look->group->number * LEAF_GROUP +
	    (uint64_t)i * LEAF_PAGE;
	uint64_t len = (uint64_t)(end - i) * LEAF_PAGE;
	struct file_clone_range range = { .src_fd = l->from,
		.src_offset = off,
		.src_length = len,
		.dest_offset = off };

	look->from_n += end - i;
	if (l->can_reflink && end - i >= REFLINK_PAGES &&
	    off + len <= l->bytes && off + len <= l->from_bytes &&
	    ioctl(l->fd, FICLONERANGE, &range) == 0)
		return 0;
	if (len > l->bytes - off)
		len = l->bytes - off;
	return fd_pwrite(l->fd, bytes + (size_t)i * LEAF_PAGE, (size_t)len, off,
	    l->name, err);
}

/* Whether the page is in the file, or is one of the source's that it lacks. */
static bool
is_wanted(const struct look *look, const struct group *from, unsigned i)
{
	return look->leaf.is_data[i] && !look->has[i] &&
	    from->leaf.is_data[i] &&
	    digest_equal(&from->leaf.hash[i], &look->leaf.hash[i]);
}

/* Takes from the source what the leaf wants. */
static int
take_pages(struct look *look, const struct group *from, struct error *err)
{
	unsigned i, end, k;

	for (i = 0; i < look->leaf.pages; i = end) {
		end = i + 1;
		if (!is_wanted(look, from, i))
			continue;
		while (end < look->leaf.pages && is_wanted(look, from, end))
			end++;
		if (put_pages(look, from->bytes, i, end, err) == -1)
			return -1;
		for (k = i; k < end; k++)
			look->has[k] = true;
	}
	return 0;
}

/* What the file has and should not: zeros go there. */
static int
wipe_pages(const struct look *look, const struct group *own, struct error *err)
{
	static const unsigned char zeros[LEAF_PAGE];
	const struct local *l = look->local;
	uint64_t off = look->group->number * LEAF_GROUP, len;
	unsigned i;

	for (i = 0; i < look->leaf.pages; i++, off += LEAF_PAGE) {
		if (look->leaf.is_data[i] || !own->leaf.is_data[i])
			continue;
		len = l->bytes - off < LEAF_PAGE ? l->bytes - off : LEAF_PAGE;
		if (fd_pwrite(l->fd, zeros, (size_t)len, off, l->name, err) ==
		    -1)
			return -1;
	}
	return 0;
}

/* The pages that the file has already. */
static void
keep_pages(struct look *look, const struct group *own)
{
	unsigned i;

	for (i = 0; i < look->leaf.pages; i++)
		if (look->leaf.is_data[i] && own->leaf.is_data[i] &&
		    digest_equal(&own->leaf.hash[i], &look->leaf.hash[i])) {
			look->has[i] = true;
			look->begun_n++;
		}
}

/*
 * With a leaf page by page.  Without one the source's own leaf will do, once its
 * hash is the group's.
 */
static int
look_at(struct look *look, struct group *own, struct group *from,
    struct error *err)
{
	const struct local *l = look->local;
	uint32_t number = look->group->number;
	unsigned pages = look->leaf.pages;

	if (l->is_begun &&
	    read_group(own, l->fd, l->bytes, number, pages, l->name, err) == -1)
		return -1;
	if (!look->has_leaf && is_group(own, look->group, l->bytes)) {
		look->begun_n = count(&own->leaf);
		look->is_whole = true;
		return 0;
	}
	if (l->from != -1 &&
	    read_group(from, l->from, l->from_bytes, number, pages, l->name,
		err) == -1)
		return -1;
	if (!look->has_leaf) {
		if (!is_group(from, look->group, l->bytes))
			return 0;
		look->leaf = from->leaf;
		look->is_whole = true;
	}
	keep_pages(look, own);
	return take_pages(look, from, err) == -1 ? -1
						 : wipe_pages(look, own, err);
}

int
local_look(struct pool_job *job, unsigned worker, struct error *err)
{
	struct look *look = (struct look *)job;
	unsigned char **buf = &look->local->buf[worker];
	struct group own = { .is_there = false }, from = own;

	look->is_whole = false;
	look->begun_n = look->from_n = 0;
	memset(look->has, 0, sizeof(look->has));
	if (*buf == NULL)
		*buf = malloc(2 * LEAF_GROUP);
	if (*buf == NULL)
		return error_nomem(err, look->local->name);
	own.bytes = *buf;
	from.bytes = *buf + LEAF_GROUP;
	return look_at(look, &own, &from, err);
}

int
local_is_same(bool *is, int fd, uint64_t size, const struct page_file *file,
    const struct page_group *group, const char *name, struct error *err)
{
	struct group g = { .bytes = malloc(LEAF_GROUP) };
	int rc;

	if (g.bytes == NULL)
		return error_nomem(err, name);
	rc = read_group(&g, fd, size, group->number,
	    page_index_pages(file, group->number), name, err);
	*is = rc == 0 && is_group(&g, group, file->bytes);
	free(g.bytes);
	return rc;
}

/* Makes a hole of it, or zeros where the filesystem has none. */
static int
clear(const struct local *l, uint64_t off, uint64_t end, struct error *err)
{
	static const unsigned char zeros[64 << 10];
	size_t n;
	int rc = extent_punch(l->fd, off, end - off, l->name, err);

	for (; rc == 0 && off < end; off += n) {
		n = end - off < sizeof(zeros) ? (size_t)(end - off)
					      : sizeof(zeros);
		if (fd_pwrite(l->fd, zeros, n, off, l->name, err) == -1)
			return -1;
	}
	return rc == -1 ? -1 : 0;
}

int
local_clear(const struct local *l, const struct page_index *x,
    const struct page_file *file, struct error *err)
{
	struct extent run;
	uint64_t off, end;
	int more;

	for (off = 0; (more = extent_next(&run, l->fd, off, l->bytes, l->name,
			   err)) == 1;
	     off = end) {
		off = run.off - run.off % LEAF_GROUP;
		end = l->bytes - off < LEAF_GROUP ? l->bytes : off + LEAF_GROUP;
		if (page_index_find(x, file, (uint32_t)(off / LEAF_GROUP)) ==
			NULL &&
		    clear(l, off, end, err) == -1)
			return -1;
	}
	return more;
}
