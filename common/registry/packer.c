/* SPDX-License-Identifier: ISC */
#include "registry/packer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/pool.h"
#include "base/sha256.h"
#include "disk/extent.h"
#include "disk/runs.h"
#include "registry/framer.h"
#include "registry/known.h"

#define SPAN_BYTES (size_t)(1u << 20) /* of a tree that is read at once */
#define WAITING_MAX 64 /* leaves some pages of which are not settled */
#define AHEAD 16 /* groups that are read, and are being hashed */

/* A group of a file from when it is read until it is one of the index. */
struct reading {
	struct pool_job job; /* first: it is what the pool gives back */
	uint32_t number;
	bool is_data; /* not all of it is zeros */
	struct leaf leaf; /* without places */
	size_t filled; /* bytes, from the first on */
	unsigned char bytes[LEAF_GROUP];
};

/* A leaf that will be written when it is the oldest. */
struct waiting {
	struct leaf leaf;
	size_t group; /* of the index */
};

struct packer {
	struct part_to to;
	struct reader *parent;
	struct pool *pool;
	struct known *known;
	struct framer *framer;
	struct artifact artifact;
	struct page_index index;
	struct part_put tree;
	struct waiting waiting[WAITING_MAX]; /* a ring */
	size_t waiting_first, waiting_n;
	struct reading reading[AHEAD]; /* a ring */
	size_t reading_first, reading_n; /* handed over */
	bool is_begun; /* the one behind them */
	const char *name; /* of the file */
	packer_progress *progress;
	void *arg;
	uint64_t done_bytes; /* of the files before */
};

/* Bytes of a tree, read ahead: leaves lie in it one behind the other. */
struct span {
	unsigned char *bytes; /* SPAN_BYTES of room */
	size_t part, len; /* len 0: none */
	uint64_t off;
};

static int
read_leaf(struct leaf *out, struct span *s, struct reader *r, size_t file,
    const struct page_group *group, struct error *err)
{
	const struct blob *tree = &r->artifact.parts[group->part].blob;

	if (s->len == 0 || s->part != group->part || group->off < s->off ||
	    !num_in_range(group->off - s->off, group->len, s->len)) {
		s->part = group->part;
		s->off = group->off;
		s->len = SPAN_BYTES < tree->bytes - s->off
		    ? SPAN_BYTES
		    : (size_t)(tree->bytes - s->off);
		if (transport_get(r->from, s->bytes, s->len, tree, s->off,
			err) == -1) {
			s->len = 0;
			return -1;
		}
	}
	return reader_check_leaf(out, r, file, group,
	    s->bytes + (group->off - s->off), err);
}

/* What the leaves of a file of the parent's have. */
static int
learn_file(struct packer *p, struct span *s, size_t file, struct error *err)
{
	const struct page_index *x = &p->parent->index;
	struct leaf leaf;
	size_t i;
	unsigned k;

	for (i = 0; i < x->files[file].n; i++) {
		if (read_leaf(&leaf, s, p->parent, file,
			&x->groups[x->files[file].first + i], err) == -1)
			return -1;
		for (k = 0; k < leaf.pages; k++)
			if (leaf.is_data[k] &&
			    known_add(p->known, &leaf.hash[k], &leaf.place[k],
				err) == -1)
				return -1;
	}
	return 0;
}

/* All that the parent has is known, and its parts are listed. */
static int
take_parent(struct packer *p, struct reader *parent, struct error *err)
{
	struct span span = { .bytes = malloc(SPAN_BYTES) };
	size_t f, i, number;
	int rc = 0;

	if (span.bytes == NULL)
		return error_nomem(err, "leaves");
	for (i = 0; i < parent->artifact.parts_n && rc == 0; i++)
		rc = artifact_add_part(&p->artifact, &number,
		    &parent->artifact.parts[i], err);
	for (f = 0; f < parent->index.files_n && rc == 0; f++)
		rc = learn_file(p, &span, f, err);
	free(span.bytes);
	return rc;
}

static int
fill(struct packer *p, struct reader *parent, struct error *err)
{
	if (known_new(&p->known, err) == -1 || pool_new(&p->pool, err) == -1 ||
	    framer_new(&p->framer, &p->to, p->pool, p->known, err) == -1)
		return -1;
	return parent == NULL ? 0 : take_parent(p, parent, err);
}

int
packer_new(struct packer **out, struct transport *to, bool dry,
    struct reader *parent, struct error *err)
{
	struct packer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return error_nomem(err, "packs");
	p->to = (struct part_to){ to, dry, &p->artifact };
	p->parent = parent;
	if (fill(p, parent, err) == -1) {
		packer_free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void
packer_free(struct packer *p)
{
	if (p == NULL)
		return;
	pool_free(p->pool);
	framer_free(p->framer);
	part_put_drop(&p->tree);
	known_free(p->known);
	page_index_fini(&p->index);
	artifact_fini(&p->artifact);
	free(p);
}

void
packer_show(struct packer *p, packer_progress *progress, void *arg)
{
	p->progress = progress;
	p->arg = arg;
}

const struct page_index *
packer_index(const struct packer *p)
{
	return &p->index;
}

const struct artifact *
packer_artifact(const struct packer *p)
{
	return &p->artifact;
}

/* Writes the oldest leaf, and before it what of its pages is not written. */
static int
put_leaf(struct packer *p, struct error *err)
{
	struct waiting *w = &p->waiting[p->waiting_first];
	struct page_group *g = &p->index.groups[w->group];
	unsigned char raw[LEAF_BYTES_MAX];
	size_t len;
	unsigned i;

	p->waiting_first = (p->waiting_first + 1) % WAITING_MAX;
	p->waiting_n--;
	for (i = 0; i < w->leaf.pages; i++)
		if (w->leaf.is_data[i] &&
		    framer_settle(p->framer, &w->leaf.place[i], err) == -1)
			return -1;
	len = leaf_encode(raw, &w->leaf);
	if (part_put_begin(&p->tree, &p->to, PART_TREE, err) == -1)
		return -1;
	g->part = (uint16_t)p->tree.number;
	g->off = p->tree.put.bytes;
	g->len = (uint16_t)len;
	return put_data(&p->tree.put, raw, len, err);
}

/* Finds each page where it is already, or puts it into a frame. */
static int
add_leaf(struct packer *p, const struct reading *r, struct error *err)
{
	struct waiting *w;
	struct leaf *leaf;
	unsigned i;

	if (p->waiting_n == WAITING_MAX && put_leaf(p, err) == -1)
		return -1;
	w = &p->waiting[(p->waiting_first + p->waiting_n) % WAITING_MAX];
	w->leaf = r->leaf;
	w->group = p->index.groups_n - 1;
	leaf = &w->leaf;
	for (i = 0; i < leaf->pages; i++)
		if (leaf->is_data[i] &&
		    !known_find(&leaf->place[i], p->known, &leaf->hash[i]) &&
		    framer_add(p->framer, &leaf->place[i], &leaf->hash[i],
			r->bytes + (size_t)i * LEAF_PAGE, err) == -1)
			return -1;
	p->waiting_n++;
	return 0;
}

/* The parent's group of that hash at the same place of the same file, or NULL. */
static const struct page_group *
of_parent(const struct packer *p, const char *name,
    const struct page_group *group)
{
	const struct page_group *old;
	const struct page_index *x;
	size_t i;

	if (p->parent == NULL)
		return NULL;
	x = &p->parent->index;
	for (i = 0; i < x->files_n; i++)
		if (strcmp(p->parent->envelope.files[i].name, name) == 0)
			break;
	if (i == x->files_n)
		return NULL;
	old = page_index_find(x, &x->files[i], group->number);
	return old != NULL && digest_equal(&old->hash, &group->hash) &&
		page_index_pages(&x->files[i], group->number) ==
		    page_index_pages(&p->index.files[p->index.files_n - 1],
			group->number)
	    ? old
	    : NULL;
}

static int
hash_pages(struct pool_job *job, unsigned worker, struct error *err)
{
	struct reading *r = (struct reading *)job;
	const unsigned char *page = r->bytes;
	unsigned i;

	(void)worker;
	(void)err;
	for (i = 0; i < r->leaf.pages; i++, page += LEAF_PAGE) {
		if (extent_is_zero(page, LEAF_PAGE))
			continue;
		r->leaf.is_data[i] = true;
		r->is_data = true;
		sha256_of(r->leaf.hash[i].raw, page, LEAF_PAGE);
	}
	return 0;
}

/* The oldest group that was read becomes one of the index, unless it is all zeros. */
static int
put_group(struct packer *p, struct error *err)
{
	const struct page_file *file = &p->index.files[p->index.files_n - 1];
	struct reading *r = &p->reading[p->reading_first];
	struct page_group group = { .number = r->number };
	const struct page_group *old;

	p->reading_first = (p->reading_first + 1) % AHEAD;
	p->reading_n--;
	if (pool_await(p->pool, &r->job, err) == -1)
		return -1;
	if (!r->is_data)
		return 0;
	leaf_hash(&group.hash, &r->leaf, file->bytes <= LEAF_GROUP);
	old = of_parent(p, p->name, &group);
	if (page_index_add_group(&p->index, old != NULL ? old : &group, err) ==
	    -1)
		return -1;
	return old != NULL ? 0 : add_leaf(p, r, err);
}

/* The group that is being read: the one behind those that are handed over. */
static struct reading *
begun(struct packer *p)
{
	return &p->reading[(p->reading_first + p->reading_n) % AHEAD];
}

/* What is not data is zeros, up to there. */
static void
fill_to(struct reading *r, size_t end)
{
	if (end > r->filled)
		memset(r->bytes + r->filled, 0, end - r->filled);
	r->filled = end;
}

static void
hand_over(struct packer *p)
{
	struct reading *r = begun(p);

	if (!p->is_begun)
		return;
	fill_to(r, sizeof(r->bytes));
	p->is_begun = false;
	p->reading_n++;
	r->job.run = hash_pages;
	pool_give(p->pool, &r->job);
}

static int
begin_group(struct packer *p, uint32_t number, struct error *err)
{
	const struct page_file *file = &p->index.files[p->index.files_n - 1];
	struct reading *r;

	if (p->reading_n == AHEAD && put_group(p, err) == -1)
		return -1;
	r = begun(p);
	r->number = number;
	r->is_data = false;
	r->filled = 0;
	leaf_init(&r->leaf, page_index_pages(file, number));
	p->is_begun = true;
	return 0;
}

/* Reads the run of data into the groups that it touches. */
static int
read_run(struct packer *p, int fd, const struct extent *run, struct error *err)
{
	uint64_t off = run->off, end = run->off + run->len, n, at;
	uint32_t number;

	for (; off < end; off += n) {
		number = (uint32_t)(off / LEAF_GROUP);
		if (p->is_begun && begun(p)->number != number)
			hand_over(p);
		if (!p->is_begun && begin_group(p, number, err) == -1)
			return -1;
		at = off % LEAF_GROUP;
		n = LEAF_GROUP - at < end - off ? LEAF_GROUP - at : end - off;
		fill_to(begun(p), (size_t)at);
		if (fd_pread(fd, begun(p)->bytes + at, (size_t)n, off, p->name,
			err) == -1)
			return -1;
		begun(p)->filled += (size_t)n;
		if (p->progress != NULL)
			p->progress(p->arg, p->done_bytes + off);
	}
	return 0;
}

int
packer_file(struct packer *p, struct digest *digest, const char *name, int fd,
    uint64_t size, struct error *err)
{
	struct extent run;
	struct runs runs;
	int more;

	if (page_index_add_file(&p->index, size, err) == -1)
		return -1;
	p->name = name;
	runs_init(&runs, fd, 0, size, name);
	while ((more = runs_next(&run, &runs, err)) == 1)
		if (read_run(p, fd, &run, err) == -1)
			return -1;
	if (more == -1)
		return -1;
	hand_over(p);
	while (p->reading_n > 0)
		if (put_group(p, err) == -1)
			return -1;
	p->done_bytes += size;
	return page_index_digest(digest, &p->index,
	    &p->index.files[p->index.files_n - 1], err);
}

int
packer_same(struct packer *p, const char *name, uint64_t size,
    const struct digest *digest, struct error *err)
{
	const struct page_index *x;
	const struct envelope *e;
	size_t f, i;

	if (p->parent == NULL)
		return 0;
	e = &p->parent->envelope;
	x = &p->parent->index;
	for (f = 0; f < e->files_n; f++)
		if (strcmp(e->files[f].name, name) == 0 &&
		    e->files[f].size_bytes == size &&
		    digest_equal(&e->files[f].digest, digest))
			break;
	if (f == e->files_n)
		return 0;
	if (page_index_add_file(&p->index, size, err) == -1)
		return -1;
	for (i = 0; i < x->files[f].n; i++)
		if (page_index_add_group(&p->index,
			&x->groups[x->files[f].first + i], err) == -1)
			return -1;
	p->done_bytes += size;
	return 1;
}

int
packer_end(struct packer *p, struct error *err)
{
	const struct reader *parent = p->parent;

	while (p->waiting_n > 0)
		if (put_leaf(p, err) == -1)
			return -1;
	if (framer_end(p->framer, err) == -1 ||
	    part_put_end(&p->tree, &p->to, err) == -1)
		return -1;
	p->index.parts_n = p->artifact.parts_n;
	if (parent != NULL)
		p->index.depth = parent->index.depth +
		    (p->artifact.parts_n > parent->artifact.parts_n);
	return 0;
}
