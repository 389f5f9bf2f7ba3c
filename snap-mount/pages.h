/* SPDX-License-Identifier: ISC */
/*
 * Pages out of what is here: the cache, and the range that has just come.  A
 * page that is copied has the hash that its leaf says, and the leaf the one that
 * the index says; nothing else leaves this module.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/cache.h"
#include "registry/frame.h"
#include "registry/leaf.h"

#include "image.h"

/* Whether it is here; PAGES_WRONG: it came just now, and is not what it must be. */
enum pages_got { PAGES_HERE, PAGES_ABSENT, PAGES_WRONG };

#define PAGES_LEAVES 256 /* kept: 1.7 MiB, and speak of 128 MiB */
#define PAGES_FRAMES 64 /* kept inflated: 4 MiB, 16 where all are largest */

struct pages_range { /* bytes of a part that have come */
	uint16_t part;
	uint64_t off;
	size_t len;
	const unsigned char *buf;
};

struct pages_leaf {
	struct leaf leaf;
	uint32_t file, number;
	bool is_used;
};

struct pages_frame {
	unsigned char *pages; /* NULL: none */
	uint64_t off;
	uint16_t part;
	uint8_t n;
	bool came; /* from the registry, not from the cache */
	uint64_t used;
};

struct pages { /* pages_init(), pages_fini() */
	const struct image *image; /* borrowed, as the next */
	struct cache *cache;
	const struct pages_range *fresh; /* NULL: nothing has just come */
	struct frame_coder coder;
	unsigned char *raw; /* LEAF_FRAME_BYTES_MAX */
	struct pages_leaf *leaf; /* PAGES_LEAVES */
	struct pages_frame frame[PAGES_FRAMES];
	uint64_t cached_bytes; /* of frames that were in the cache */
	uint64_t uses;
};

/* EX_OSERR. */
int pages_init(struct pages *p, const struct image *image, struct cache *cache,
    struct error *err);
void pages_fini(struct pages *p);

/* The leaf of a group of the file, borrowed until the next call. */
enum pages_got pages_leaf(const struct leaf **out, struct pages *p,
    uint32_t file, const struct page_group *group);

/* The page at that place, of that hash, to out[LEAF_PAGE]. */
enum pages_got pages_copy(unsigned char *out, struct pages *p,
    const struct place *place, const struct digest *hash);

/* Whether the frame seems to be in the cache: a guess. */
bool pages_seems(struct pages *p, const struct place *place);

#endif
