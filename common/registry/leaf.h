/* SPDX-License-Identifier: ISC */
/*
 * What a tree says of one group of a file, 128 pages: which of them are not
 * zeros, their hashes, and where in the packs they are; instar-registry(5),
 * Leaves.
 */
#ifndef REGISTRY_LEAF_H
#define REGISTRY_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/digest.h"
#include "registry/part.h"

#define LEAF_PAGE 4096 /* bytes */
#define LEAF_PAGES 128 /* of a group: what a hash block of fs-verity holds */
#define LEAF_GROUP ((uint64_t)LEAF_PAGES * LEAF_PAGE) /* bytes */
#define LEAF_FRAME_PAGES 64 /* of one frame, at most */
/* What zstd makes at most of so many pages (ZSTD_COMPRESSBOUND), and room. */
#define LEAF_FRAME_BYTES_MAX (LEAF_FRAME_PAGES * LEAF_PAGE + 4096u)

#define LEAF_HEAD 24 /* bytes before the hashes */
#define LEAF_BYTES_MAX                                                         \
	(LEAF_HEAD + LEAF_PAGES * (DIGEST_BYTES + 16 + 2)) /* 6424 */

/* A zstd frame in a pack: the page is the slot-th of those in it. */
struct place {
	uint64_t off; /* of the frame in the part */
	uint32_t len; /* bytes of the frame */
	uint16_t part;
	uint8_t pages; /* in the frame: 1 to LEAF_FRAME_PAGES */
	uint8_t slot;
};

struct leaf {
	unsigned pages; /* of the group, 1 to LEAF_PAGES */
	bool is_data[LEAF_PAGES]; /* not zeros */
	struct digest hash[LEAF_PAGES]; /* of zeros, too */
	struct place place[LEAF_PAGES]; /* where is_data */
};

/* All of its `pages` are zeros. */
void leaf_init(struct leaf *leaf, unsigned pages);

/*
 * The hash of the group, which fs-verity's tree has of it.  `is_whole_file`:
 * its pages are all that the file has; of one page there is no hash block.
 */
void leaf_hash(struct digest *out, const struct leaf *leaf, bool is_whole_file);

/* Writes it to out[LEAF_BYTES_MAX]; returns its length. */
size_t leaf_encode(unsigned char *out, const struct leaf *leaf);

/*
 * Reads one of `len` bytes that speaks of `pages` pages, the hashes of which
 * are as good as the group's hash, which is the caller's to compare.
 * EX_DATAERR: wrong form, or a place that no pack of `parts` has.
 */
int leaf_decode(struct leaf *out, const unsigned char *raw, size_t len,
    unsigned pages, const struct part_list *parts, struct error *err);

#endif
