/* SPDX-License-Identifier: ISC */
/*
 * What of a file is on this host already: in the file itself, which a pull that
 * was cut has begun, and at the same place of the same file of a snapshot in the
 * store.  Nothing of it is believed: each page is hashed first.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "registry/leaf.h"
#include "registry/page_index.h"

struct local { /* { 0 } with both descriptors -1 is none; local_fini() */
	const char *name; /* of the file */
	int fd; /* being made, `bytes` long; borrowed */
	uint64_t bytes;
	bool is_begun; /* an earlier pull may have written to it */
	int from; /* of the same name in another snapshot; -1: none */
	uint64_t from_bytes;
	bool can_reflink; /* from there to here, perhaps */
	unsigned char *buf[POOL_WORKERS_MAX];
};

/* One group that is looked at, by a thread of the pool. */
struct look { /* { 0 } is none */
	struct pool_job job; /* first: it is what the pool gives back */
	struct local *local;
	uint32_t file;
	const struct page_group *group; /* borrowed */
	bool has_leaf; /* else only all of the group can be found */
	struct leaf leaf;
	/* What came of it. */
	bool is_whole; /* every page is in the file */
	bool has[LEAF_PAGES]; /* with the leaf: these are */
	unsigned begun_n,
	    from_n; /* pages that were there, or came from there */
};

/*
 * The job: finds what it can, and puts it where it belongs.  With the leaf what
 * should be zeros is so afterwards.  EX_IOERR.
 */
int local_look(struct pool_job *job, unsigned worker, struct error *err);

/* Groups that the index does not list become holes.  EX_IOERR. */
int local_clear(const struct local *l, const struct page_index *x,
    const struct page_file *file, struct error *err);

/* Whether the group of a file of `size` bytes is that one.  EX_IOERR. */
int local_is_same(bool *is, int fd, uint64_t size, const struct page_file *file,
    const struct page_group *group, const char *name, struct error *err);

/* `fd` is the caller's. */
void local_fini(struct local *l);

#endif
