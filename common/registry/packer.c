/* SPDX-License-Identifier: ISC */
#include "registry/packer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "disk/extent.h"
#include "disk/runs.h"
#include "registry/known.h"

#define WAITING_MAX 64 /* leaves that wait for a frame to be full */

/* A leaf some pages of which are in the frame that is being filled. */
struct waiting {
	struct leaf leaf;
	size_t group; /* of the index */
};

/* A part being written; its number is known from its beginning. */
struct open_part {
	struct put put;
	size_t number;
	bool is_open;
};

struct packer {
	struct transport *to;
	bool dry;
	struct reader *parent;
	struct known *known;
	struct artifact artifact;
	struct page_index index;
	struct open_part pack, tree;
	struct frame_coder coder;
	/* The frame being filled. */
	unsigned char pages[PACKER_FRAME_PAGES * LEAF_PAGE];
	struct digest hash[PACKER_FRAME_PAGES];
	unsigned pages_n;
	struct waiting waiting[WAITING_MAX];
	size_t waiting_n;
	/* The group being read. */
	unsigned char group[LEAF_GROUP];
	packer_progress *progress;
	void *arg;
	uint64_t done_bytes; /* of the files before */
	unsigned char frame[LEAF_FRAME_BYTES_MAX];
};

/* All that the parent has is known, and its parts are listed. */
static int
take_parent(struct packer *p, struct reader *parent, struct error *err)
{
	const struct page_index *x = &parent->index;
	struct leaf leaf;
	size_t f, i, number;
	unsigned k;

	for (i = 0; i < parent->artifact.parts_n; i++)
		if (artifact_add_part(&p->artifact, &number,
			&parent->artifact.parts[i], err) == -1)
			return -1;
	for (f = 0; f < x->files_n; f++)
		for (i = 0; i < x->files[f].n; i++) {
			if (reader_leaf(&leaf, parent, f,
				&x->groups[x->files[f].first + i], err) == -1)
				return -1;
			for (k = 0; k < leaf.pages; k++)
				if (leaf.is_data[k] &&
				    known_add(p->known, &leaf.hash[k],
					&leaf.place[k], err) == -1)
					return -1;
		}
	return 0;
}

int
packer_new(struct packer **out, struct transport *to, bool dry,
    struct reader *parent, struct error *err)
{
	struct packer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return error_nomem(err, "packs");
	p->to = to;
	p->dry = dry;
	p->parent = parent;
	if (known_new(&p->known, err) == -1 ||
	    (parent != NULL && take_parent(p, parent, err) == -1)) {
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
	put_drop(&p->pack.put);
	put_drop(&p->tree.put);
	frame_coder_fini(&p->coder);
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

static int
part_begin(struct packer *p, struct open_part *part, enum part_kind kind,
    struct error *err)
{
	const struct part new = { .kind = kind };

	if (part->is_open)
		return 0;
	if (artifact_add_part(&p->artifact, &part->number, &new, err) == -1 ||
	    put_begin(&part->put, p->to, p->dry, err) == -1)
		return -1;
	part->is_open = true;
	return 0;
}

static int
part_end(struct packer *p, struct open_part *part, struct error *err)
{
	if (!part->is_open)
		return 0;
	part->is_open = false;
	return put_end(&part->put, &p->artifact.parts[part->number].blob, err);
}

/* Writes the leaf of a group whose pages all have their places. */
static int
put_leaf(struct packer *p, const struct leaf *leaf, size_t group,
    struct error *err)
{
	struct page_group *g = &p->index.groups[group];
	unsigned char raw[LEAF_BYTES_MAX];
	size_t len = leaf_encode(raw, leaf);

	if (part_begin(p, &p->tree, PART_TREE, err) == -1)
		return -1;
	g->part = (uint16_t)p->tree.number;
	g->off = p->tree.put.bytes;
	g->len = (uint16_t)len;
	return put_data(&p->tree.put, raw, len, err);
}

/* Whether the place is in the frame that is being filled. */
static bool
is_pending(const struct place *place)
{
	return place->len == 0;
}

static int
put_waiting(struct packer *p, const struct place *frame, struct error *err)
{
	struct leaf *leaf;
	size_t i;
	unsigned k;

	for (i = 0; i < p->waiting_n; i++) {
		leaf = &p->waiting[i].leaf;
		for (k = 0; k < leaf->pages; k++)
			if (leaf->is_data[k] && is_pending(&leaf->place[k])) {
				uint8_t slot = leaf->place[k].slot;

				leaf->place[k] = *frame;
				leaf->place[k].slot = slot;
			}
		if (put_leaf(p, leaf, p->waiting[i].group, err) == -1)
			return -1;
	}
	p->waiting_n = 0;
	return 0;
}

/*
 * Compresses the pages that have gathered and writes them; `leaf`, which is
 * being made, learns where they are, and so do those that waited.
 */
static int
flush(struct packer *p, struct leaf *leaf, struct error *err)
{
	struct place frame = { 0 };
	size_t len;
	unsigned i;

	if (p->pages_n == 0)
		return 0;
	if (frame_pack(p->frame, &len, &p->coder, p->pages, p->pages_n, err) ==
		-1 ||
	    part_begin(p, &p->pack, PART_PACK, err) == -1)
		return -1;
	frame.off = p->pack.put.bytes;
	frame.len = (uint32_t)len;
	frame.part = (uint16_t)p->pack.number;
	frame.pages = (uint8_t)p->pages_n;
	if (put_data(&p->pack.put, p->frame, len, err) == -1)
		return -1;
	for (i = 0; i < p->pages_n; i++) {
		frame.slot = (uint8_t)i;
		if (known_add(p->known, &p->hash[i], &frame, err) == -1)
			return -1;
	}
	p->pages_n = 0;
	for (i = 0; leaf != NULL && i < leaf->pages; i++)
		if (leaf->is_data[i] && is_pending(&leaf->place[i])) {
			frame.slot = leaf->place[i].slot;
			leaf->place[i] = frame;
		}
	if (p->pack.put.bytes >= PACKER_PACK_BYTES &&
	    part_end(p, &p->pack, err) == -1)
		return -1;
	return put_waiting(p, &frame, err);
}

/* Finds the page where it is already, or puts it into the frame. */
static int
place_page(struct packer *p, struct leaf *leaf, unsigned page,
    const unsigned char *bytes, struct error *err)
{
	struct place *place = &leaf->place[page];
	unsigned i;

	if (known_find(place, p->known, &leaf->hash[page]))
		return 0;
	memset(place, 0, sizeof(*place));
	for (i = 0; i < p->pages_n; i++)
		if (digest_equal(&p->hash[i], &leaf->hash[page])) {
			place->slot = (uint8_t)i;
			return 0;
		}
	memcpy(p->pages + (size_t)p->pages_n * LEAF_PAGE, bytes, LEAF_PAGE);
	p->hash[p->pages_n] = leaf->hash[page];
	place->slot = (uint8_t)p->pages_n++;
	return p->pages_n == PACKER_FRAME_PAGES ? flush(p, leaf, err) : 0;
}

/* Writes the leaf, or lets it wait for the frame. */
static int
end_leaf(struct packer *p, const struct leaf *leaf, size_t group,
    struct error *err)
{
	bool waits = false;
	unsigned i;

	for (i = 0; i < leaf->pages; i++)
		waits = waits ||
		    (leaf->is_data[i] && is_pending(&leaf->place[i]));
	if (!waits)
		return put_leaf(p, leaf, group, err);
	p->waiting[p->waiting_n].leaf = *leaf;
	p->waiting[p->waiting_n++].group = group;
	return p->waiting_n == WAITING_MAX ? flush(p, NULL, err) : 0;
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

/* The group that was read becomes one of the index, unless it is all zeros. */
static int
put_group(struct packer *p, const char *name, uint32_t number,
    struct error *err)
{
	const struct page_file *file = &p->index.files[p->index.files_n - 1];
	struct page_group group = { .number = number };
	const struct page_group *old;
	const unsigned char *bytes;
	struct leaf leaf;
	unsigned i, n = 0;

	leaf_init(&leaf, page_index_pages(file, number));
	for (i = 0; i < leaf.pages; i++) {
		bytes = p->group + (size_t)i * LEAF_PAGE;
		if (extent_is_zero(bytes, LEAF_PAGE))
			continue;
		leaf.is_data[i] = true;
		sha256_of(leaf.hash[i].raw, bytes, LEAF_PAGE);
		n++;
	}
	if (n == 0)
		return 0;
	leaf_hash(&group.hash, &leaf, file->bytes <= LEAF_GROUP);
	old = of_parent(p, name, &group);
	if (old != NULL)
		return page_index_add_group(&p->index, old, err);
	if (page_index_add_group(&p->index, &group, err) == -1)
		return -1;
	for (i = 0; i < leaf.pages; i++)
		if (leaf.is_data[i] &&
		    place_page(p, &leaf, i, p->group + (size_t)i * LEAF_PAGE,
			err) == -1)
			return -1;
	return end_leaf(p, &leaf, p->index.groups_n - 1, err);
}

/* The groups that the run of data touches; *number is the one being read. */
static int
put_run(struct packer *p, const char *name, int fd, const struct extent *run,
    uint64_t *number, bool *is_begun, struct error *err)
{
	uint64_t off = run->off, end = run->off + run->len, n, at;

	for (; off < end; off += n) {
		if (*is_begun && off / LEAF_GROUP != *number) {
			if (put_group(p, name, (uint32_t)*number, err) == -1)
				return -1;
			*is_begun = false;
		}
		if (!*is_begun) {
			memset(p->group, 0, sizeof(p->group));
			*number = off / LEAF_GROUP;
			*is_begun = true;
		}
		at = off % LEAF_GROUP;
		n = LEAF_GROUP - at < end - off ? LEAF_GROUP - at : end - off;
		if (fd_pread(fd, p->group + at, (size_t)n, off, name, err) ==
		    -1)
			return -1;
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
	uint64_t number = 0;
	bool is_begun = false;
	struct runs runs;
	int more;

	if (page_index_add_file(&p->index, size, err) == -1)
		return -1;
	runs_init(&runs, fd, 0, size, name);
	while ((more = runs_next(&run, &runs, err)) == 1)
		if (put_run(p, name, fd, &run, &number, &is_begun, err) == -1)
			return -1;
	if (more == -1 ||
	    (is_begun && put_group(p, name, (uint32_t)number, err) == -1))
		return -1;
	p->done_bytes += size;
	return page_index_digest(digest, &p->index,
	    &p->index.files[p->index.files_n - 1], err);
}

int
packer_end(struct packer *p, struct error *err)
{
	const struct reader *parent = p->parent;

	if (flush(p, NULL, err) == -1 || part_end(p, &p->pack, err) == -1 ||
	    part_end(p, &p->tree, err) == -1)
		return -1;
	p->index.parts_n = p->artifact.parts_n;
	if (parent != NULL)
		p->index.depth = parent->index.depth +
		    (p->artifact.parts_n > parent->artifact.parts_n);
	return 0;
}
