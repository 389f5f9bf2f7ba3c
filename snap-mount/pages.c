/* SPDX-License-Identifier: ISC */
#include "pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/num.h"
#include "base/sha256.h"

#define ZSTD_MAGIC UINT32_C(0xfd2fb528) /* RFC 8878, 3.1.1 */

int
pages_init(struct pages *p, const struct image *image, struct cache *cache,
    struct error *err)
{
	memset(p, 0, sizeof(*p));
	p->image = image;
	p->cache = cache;
	p->raw = malloc(LEAF_FRAME_BYTES_MAX);
	p->leaf = calloc(PAGES_LEAVES, sizeof(*p->leaf));
	return p->raw == NULL || p->leaf == NULL ? error_nomem(err, "pages")
						 : 0;
}

void
pages_fini(struct pages *p)
{
	size_t i;

	for (i = 0; i < PAGES_FRAMES; i++)
		free(p->frame[i].pages);
	frame_coder_fini(&p->coder);
	free(p->leaf);
	free(p->raw);
}

/* The bytes of a part, borrowed until the next call; *came: just now. */
static const unsigned char *
bytes_of(bool *came, struct pages *p, uint16_t part, uint64_t off, size_t len)
{
	const struct pages_range *f = p->fresh;

	*came = f != NULL && f->part == part && off >= f->off &&
	    num_in_range(off - f->off, len, f->len);
	if (*came)
		return f->buf + (off - f->off);
	return cache_read(p->cache, p->raw, len,
		   &p->image->artifact.parts[part].blob.digest, off)
	    ? p->raw
	    : NULL;
}

/* Its place among those that are kept. */
static struct pages_leaf *
slot_of(struct pages *p, uint32_t file, uint32_t number)
{
	uint64_t n = ((uint64_t)file << 32 | number) *
	    UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / phi */

	return &p->leaf[n >> 56];
}

enum pages_got
pages_leaf(const struct leaf **out, struct pages *p, uint32_t file,
    const struct page_group *group)
{
	const struct page_file *f = &p->image->index.files[file];
	const struct part_list parts = image_parts(p->image);
	struct pages_leaf *slot = slot_of(p, file, group->number);
	const unsigned char *raw;
	struct digest hash;
	bool came;

	if (slot->is_used && slot->file == file &&
	    slot->number == group->number) {
		*out = &slot->leaf;
		return PAGES_HERE;
	}
	raw = bytes_of(&came, p, group->part, group->off, group->len);
	if (raw == NULL)
		return PAGES_ABSENT;
	slot->is_used = false;
	if (leaf_decode(&slot->leaf, raw, group->len,
		page_index_pages(f, group->number), &parts, NULL) == -1)
		return came ? PAGES_WRONG : PAGES_ABSENT;
	leaf_hash(&hash, &slot->leaf, f->bytes <= LEAF_GROUP);
	if (!digest_equal(&hash, &group->hash))
		return came ? PAGES_WRONG : PAGES_ABSENT;
	slot->is_used = true;
	slot->file = file;
	slot->number = group->number;
	*out = &slot->leaf;
	return PAGES_HERE;
}

static struct pages_frame *
find(struct pages *p, const struct place *place)
{
	struct pages_frame *f;
	size_t i;

	for (i = 0; i < PAGES_FRAMES; i++) {
		f = &p->frame[i];
		if (f->pages != NULL && f->off == place->off &&
		    f->part == place->part && f->n == place->pages)
			return f;
	}
	return NULL;
}

static void
drop(struct pages_frame *f)
{
	free(f->pages);
	f->pages = NULL;
}

/* One that is free, or was not used for longest. */
static struct pages_frame *
vacate(struct pages *p)
{
	struct pages_frame *f = &p->frame[0];
	size_t i;

	for (i = 0; i < PAGES_FRAMES && f->pages != NULL; i++)
		if (p->frame[i].pages == NULL || p->frame[i].used < f->used)
			f = &p->frame[i];
	drop(f);
	return f;
}

static enum pages_got
inflate(struct pages_frame **out, struct pages *p, const struct place *place)
{
	const unsigned char *raw;
	struct pages_frame *f;
	bool came;

	raw = bytes_of(&came, p, place->part, place->off, place->len);
	if (raw == NULL)
		return PAGES_ABSENT;
	f = vacate(p);
	f->pages = malloc((size_t)place->pages * LEAF_PAGE);
	if (f->pages == NULL)
		return PAGES_ABSENT;
	if (frame_unpack(f->pages, place->pages, &p->coder, raw, place->len,
		NULL) == -1) {
		drop(f);
		return came ? PAGES_WRONG : PAGES_ABSENT;
	}
	f->off = place->off;
	f->part = place->part;
	f->n = place->pages;
	f->came = came;
	if (!came)
		p->cached_bytes += place->len;
	*out = f;
	return PAGES_HERE;
}

enum pages_got
pages_copy(unsigned char *out, struct pages *p, const struct place *place,
    const struct digest *hash)
{
	struct pages_frame *f = find(p, place);
	unsigned char got[SHA256_BYTES];
	enum pages_got rc;

	if (f == NULL) {
		rc = inflate(&f, p, place);
		if (rc != PAGES_HERE)
			return rc;
	}
	f->used = ++p->uses;
	/* What was copied is hashed: that is what they get. */
	memcpy(out, f->pages + (size_t)place->slot * LEAF_PAGE, LEAF_PAGE);
	sha256_of(got, out, LEAF_PAGE);
	if (memcmp(got, hash->raw, sizeof(got)) == 0)
		return PAGES_HERE;
	rc = f->came ? PAGES_WRONG : PAGES_ABSENT;
	drop(f);
	return rc;
}

/* Blocks of files are larger than some frames: the head must be there, too. */
bool
pages_seems(struct pages *p, const struct place *place)
{
	const struct digest *part = &p->image->artifact.parts[place->part]
					 .blob.digest;
	unsigned char head[4];

	return find(p, place) != NULL ||
	    (place->len > sizeof(head) &&
		cache_read(p->cache, head, sizeof(head), part, place->off) &&
		le32(head) == ZSTD_MAGIC &&
		cache_seems(p->cache, part, place->off, place->len));
}
