/* SPDX-License-Identifier: ISC */
/*
 * An artifact's index: for each file of the envelope the groups that hold data,
 * with their hashes and where their leaves are; instar-registry(5), Index.
 */
#ifndef REGISTRY_PAGE_INDEX_H
#define REGISTRY_PAGE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/digest.h"
#include "registry/part.h"
#include "snapshot/envelope.h"

#define PAGE_INDEX_DEPTH_MAX 16 /* pushes that one builds on; then anew */
#define PAGE_INDEX_GROUPS_MAX (1u << 22) /* 2 TiB of data, 192 MiB of index */
#define PAGE_INDEX_HEAD 32 /* bytes; then 16 a file and 48 a group */
#define PAGE_INDEX_BYTES_MAX                                                   \
	(PAGE_INDEX_HEAD + 16u * ENVELOPE_FILES_MAX +                          \
	    48u * PAGE_INDEX_GROUPS_MAX)

struct page_group {
	uint32_t number; /* of its file: bytes from number * LEAF_GROUP on */
	uint16_t part; /* the tree that has its leaf */
	uint16_t len; /* bytes of the leaf */
	uint64_t off; /* of the leaf in the tree */
	struct digest hash; /* leaf_hash() */
};

struct page_file {
	uint64_t bytes;
	size_t first, n; /* of page_index.groups; ascending, none all zeros */
};

struct page_index { /* { 0 } is empty */
	uint32_t depth; /* 0: no other artifact's parts are in it */
	size_t parts_n; /* that its artifact lists */
	struct page_file *files; /* those of the envelope, in its order */
	size_t files_n;
	struct page_group *groups;
	size_t groups_n, groups_cap;
	bool groups_lent; /* page_index_decode_in(): they are somebody else's */
};

void page_index_fini(struct page_index *x);

/* Appends a file, whose groups come next.  EX_OSERR. */
int page_index_add_file(struct page_index *x, uint64_t bytes,
    struct error *err);

/* Appends a group to the last file.  EX_OSERR; EX_DATAERR: too many. */
int page_index_add_group(struct page_index *x, const struct page_group *group,
    struct error *err);

/* The group of that number, borrowed, or NULL: it is all zeros. */
const struct page_group *page_index_find(const struct page_index *x,
    const struct page_file *file, uint32_t number);

/* Pages of a group of the file, which is one of it. */
unsigned page_index_pages(const struct page_file *file, uint32_t number);

/*
 * The fs-verity digest that the groups of the file make.  EX_OSERR.
 */
int page_index_digest(struct digest *out, const struct page_index *x,
    const struct page_file *file, struct error *err);

/* The caller frees *out.  EX_OSERR. */
int page_index_encode(unsigned char **out, size_t *len,
    const struct page_index *x, struct error *err);

/*
 * Reads an index whose artifact has `parts`.  EX_DATAERR: wrong form, or a leaf
 * that no tree has.
 */
int page_index_decode(struct page_index *out, const unsigned char *raw,
    size_t len, const struct part_list *parts, struct error *err);

/*
 * The same with the groups in room[room_n], which outlives the index: for who
 * keeps them where memory can be had back.  page_index_room() says how many an
 * index has, 0 where it is none.  EX_DATAERR, too: there is less room.
 */
size_t page_index_room(const unsigned char *raw, size_t len);
int page_index_decode_in(struct page_index *out, struct page_group *room,
    size_t room_n, const unsigned char *raw, size_t len,
    const struct part_list *parts, struct error *err);

/*
 * Whether it is the index of the files of `e`: as many, as long, and each of
 * the digest that the envelope has.  What it says of groups is true from then
 * on.  EX_DATAERR.
 */
int page_index_check(const struct page_index *x, const struct envelope *e,
    struct error *err);

#endif
