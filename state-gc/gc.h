/* SPDX-License-Identifier: ISC */
/*
 * A state root being swept.  Each step goes on after a failure, which is told
 * and kept in `status`; -1 is for what makes going on pointless.
 */
#ifndef STATE_GC_GC_H
#define STATE_GC_GC_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/strv.h"
#include "state/root.h"

struct gc {
	const struct root *root;
	bool dry_run;
	const char *members; /* -p, or NULL */
	int status; /* code of the first failure, else 0 */

	/* Limits on snapshots; the flags say which are set. */
	bool has_keep, has_age, has_size;
	uint64_t keep, age_ms, size_bytes;
	struct timespec now;

	struct strv
	    evicted; /* ids of snapshots that are, or would be, gone: sorted */
	struct strv told; /* ids of those that could not be examined */
};

struct gc_item {
	const char *kind, *reason;
	const char *id, *name, *path; /* each may be NULL; path from the root */
	uint64_t bytes; /* that were allocated */
};

/* Tells a failure and keeps its code if it is the first. */
void gc_fail(struct gc *gc, const struct error *why);

/* Prints what was, or would be, removed.  EX_IOERR. */
int gc_report(const struct gc *gc, const struct gc_item *item,
    struct error *err);

/*
 * Before each item: -1 after a signal, and, with an empty message, when what
 * is removed can no longer be printed.
 */
int gc_check(struct error *err);

/*
 * Names in the directory beneath the root, "." and ".." left out, sorted.  One
 * that is not there, which a dry run does not make, has none.
 */
int gc_names(struct strv *names, const struct gc *gc, const char *dir,
    struct error *err);

/* Allocated bytes of the tree `name`: files that have no other link. */
uint64_t gc_tree_bytes(int dirfd, const char *name);

/* Clones that were to be removed at their end, of tools that ended first. */
int gc_ended(struct gc *gc, struct error *err);

/* Hidden directories, dead names, access times and temporary files. */
int gc_leftovers(struct gc *gc, struct error *err);

/* Snapshots beyond the limits. */
int gc_evict(struct gc *gc, struct error *err);

/* Layers that nothing uses. */
int gc_layers(struct gc *gc, struct error *err);

#endif
