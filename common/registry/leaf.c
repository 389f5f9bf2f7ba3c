/* SPDX-License-Identifier: ISC */
#include "registry/leaf.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/le.h"
#include "base/num.h"
#include "base/sha256.h"
#include "disk/verity.h"

#define FRAME_BYTES 16
#define BITMAP_BYTES (LEAF_PAGES / 8)

/* The frames that a leaf speaks of, each once, in the order of their use. */
struct frames {
	const struct place *v[LEAF_PAGES];
	unsigned n;
};

void
leaf_init(struct leaf *leaf, unsigned pages)
{
	struct digest zero;
	unsigned i;

	assert(pages > 0 && pages <= LEAF_PAGES);
	memset(leaf, 0, sizeof(*leaf));
	leaf->pages = pages;
	verity_zero_hash(&zero);
	for (i = 0; i < pages; i++)
		leaf->hash[i] = zero;
}

/* The hash block is filled up with zero bytes, which hash[] has there. */
void
leaf_hash(struct digest *out, const struct leaf *leaf, bool is_whole_file)
{
	if (is_whole_file && leaf->pages == 1)
		*out = leaf->hash[0];
	else
		sha256_of(out->raw, leaf->hash, sizeof(leaf->hash));
}

static bool
is_same_frame(const struct place *a, const struct place *b)
{
	return a->part == b->part && a->off == b->off && a->len == b->len &&
	    a->pages == b->pages;
}

/* The number of the place's frame, which joins the others where it is new. */
static unsigned
frame_of(struct frames *f, const struct place *place)
{
	unsigned i;

	/* Neighbours share one most often. */
	for (i = f->n; i > 0; i--)
		if (is_same_frame(f->v[i - 1], place))
			return i - 1;
	f->v[f->n] = place;
	return f->n++;
}

static unsigned char *
put_frame(unsigned char *p, const struct place *place)
{
	le64_put(p, place->off);
	le32_put(p + 8, place->len);
	le16_put(p + 12, place->part);
	le16_put(p + 14, place->pages);
	return p + FRAME_BYTES;
}

size_t
leaf_encode(unsigned char *out, const struct leaf *leaf)
{
	unsigned char pair[LEAF_PAGES][2], *p = out + LEAF_HEAD;
	struct frames f = { .n = 0 };
	unsigned i, n = 0;

	memset(out, 0, LEAF_HEAD);
	for (i = 0; i < leaf->pages; i++) {
		if (!leaf->is_data[i])
			continue;
		out[i / 8] = (unsigned char)(out[i / 8] | 1u << i % 8);
		memcpy(p, leaf->hash[i].raw, DIGEST_BYTES);
		p += DIGEST_BYTES;
		pair[n][0] = (unsigned char)frame_of(&f, &leaf->place[i]);
		pair[n][1] = leaf->place[i].slot;
		n++;
	}
	le16_put(out + BITMAP_BYTES, (uint16_t)n);
	le16_put(out + BITMAP_BYTES + 2, (uint16_t)f.n);
	for (i = 0; i < f.n; i++)
		p = put_frame(p, f.v[i]);
	memcpy(p, pair, 2 * (size_t)n);
	return (size_t)(p - out) + 2 * (size_t)n;
}

/* One frame that lies within a pack. */
static int
decode_frame(struct place *out, const unsigned char *p, unsigned number,
    const struct part_list *parts, struct error *err)
{
	const struct part *part;

	out->off = le64(p);
	out->len = le32(p + 8);
	out->part = le16(p + 12);
	if (out->part >= parts->n || parts->v[out->part].kind != PART_PACK)
		return error_set(err, EX_DATAERR,
		    "frame %u: part %" PRIu16 " is no pack", number, out->part);
	part = &parts->v[out->part];
	if (out->len == 0 || out->len > LEAF_FRAME_BYTES_MAX ||
	    !num_in_range(out->off, out->len, part->blob.bytes))
		return error_set(err, EX_DATAERR,
		    "frame %u: %" PRIu32 " bytes at %" PRIu64
		    " of a pack of %" PRIu64,
		    number, out->len, out->off, part->blob.bytes);
	if (le16(p + 14) == 0 || le16(p + 14) > LEAF_FRAME_PAGES)
		return error_set(err, EX_DATAERR, "frame %u: %" PRIu16 " pages",
		    number, le16(p + 14));
	out->pages = (uint8_t)le16(p + 14);
	return 0;
}

/* Counts the pages of the bitmap; none is behind the file's end. */
static int
decode_bitmap(unsigned *n, struct leaf *leaf, const unsigned char *raw,
    struct error *err)
{
	unsigned i;

	*n = 0;
	for (i = 0; i < LEAF_PAGES; i++) {
		if ((raw[i / 8] >> i % 8 & 1) == 0)
			continue;
		if (i >= leaf->pages)
			return error_set(err, EX_DATAERR,
			    "page %u of a group of %u", i, leaf->pages);
		leaf->is_data[i] = true;
		++*n;
	}
	return 0;
}

/* The places of the pages: frames are numbered as they come up. */
static int
decode_pairs(struct leaf *leaf, const unsigned char *p,
    const struct place *frames, unsigned frames_n, struct error *err)
{
	unsigned i, used = 0;

	for (i = 0; i < leaf->pages; i++) {
		if (!leaf->is_data[i])
			continue;
		if (p[0] > used || p[0] >= frames_n)
			return error_set(err, EX_DATAERR,
			    "page %u: frame %u where %u is the next", i, p[0],
			    used);
		if (p[0] == used)
			used++;
		leaf->place[i] = frames[p[0]];
		if (p[1] >= leaf->place[i].pages)
			return error_set(err, EX_DATAERR,
			    "page %u: number %u of a frame of %u", i, p[1],
			    leaf->place[i].pages);
		leaf->place[i].slot = p[1];
		p += 2;
	}
	if (used != frames_n)
		return error_set(err, EX_DATAERR, "frame %u has no page", used);
	return 0;
}

int
leaf_decode(struct leaf *out, const unsigned char *raw, size_t len,
    unsigned pages, const struct part_list *parts, struct error *err)
{
	struct place frames[LEAF_PAGES];
	const unsigned char *p;
	unsigned i, n, frames_n;
	struct leaf leaf;

	leaf_init(&leaf, pages);
	if (len < LEAF_HEAD)
		return error_set(err, EX_DATAERR, "ends in its head");
	if (decode_bitmap(&n, &leaf, raw, err) == -1)
		return -1;
	frames_n = le16(raw + BITMAP_BYTES + 2);
	if (n == 0 || le16(raw + BITMAP_BYTES) != n ||
	    le32(raw + BITMAP_BYTES + 4) != 0)
		return error_set(err, EX_DATAERR, "says %u pages, marks %u",
		    le16(raw + BITMAP_BYTES), n);
	if (frames_n == 0 || frames_n > n ||
	    len !=
		LEAF_HEAD + (size_t)n * (DIGEST_BYTES + 2) +
		    (size_t)frames_n * FRAME_BYTES)
		return error_set(err, EX_DATAERR,
		    "%zu bytes for %u pages in %u frames", len, n, frames_n);
	p = raw + LEAF_HEAD;
	for (i = 0; i < pages; i++)
		if (leaf.is_data[i]) {
			memcpy(leaf.hash[i].raw, p, DIGEST_BYTES);
			p += DIGEST_BYTES;
		}
	for (i = 0; i < frames_n; i++, p += FRAME_BYTES)
		if (decode_frame(&frames[i], p, i, parts, err) == -1)
			return -1;
	if (decode_pairs(&leaf, p, frames, frames_n, err) == -1)
		return -1;
	*out = leaf;
	return 0;
}
