/* SPDX-License-Identifier: ISC */
/*
 * Snapshots of the store that are likely to have much of one that is pulled:
 * they have files of the same names and lengths, and groups that are the same.
 */
#ifndef SIBLINGS_H
#define SIBLINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/reader.h"
#include "state/root.h"
#include "state/snap.h"

#define SIBLINGS_MAX 4 /* that are looked into */

struct sibling {
	struct snap *snap;
	uint64_t same_bytes; /* of files whose digests are the same */
	uint64_t like_bytes; /* of files of the same names and lengths */
	unsigned groups; /* of those tried, the same */
};

struct siblings { /* { 0 } is none; siblings_fini() */
	struct sibling v[SIBLINGS_MAX]; /* the likeliest first */
	size_t n;
};

/* One that cannot be read is passed over.  EX_IOERR, EX_OSERR. */
int siblings_find(struct siblings *s, const struct root *root,
    const struct reader *r, struct error *err);
void siblings_fini(struct siblings *s);

/*
 * The file of that name in the first one that has it: *fd is the caller's, -1
 * where none has.
 */
void siblings_open(int *fd, uint64_t *size, const struct siblings *s,
    const char *name);

#endif
