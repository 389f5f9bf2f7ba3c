/* SPDX-License-Identifier: ISC */
/* The working set of a snapshot, learned from a clone that has just begun to run. */
#ifndef LEARN_H
#define LEARN_H

#include "base/opt.h"
#include "state/root.h"
#include "vmm/ready_list.h"

/* Without a duration: until something is seen, but no longer than that. */
#define LEARN_SEEN_MS 60000

struct learn {
	bool wanted;
	bool until_ready; /* as --ready has it; else a line on the console */
	struct opt_time time; /* not given: until that is seen */
};

/* The value of --learn, or NULL.  -1: a usage error (told). */
int learn_opt(struct learn *l, const char *value);

/*
 * Whether it goes with --ready, and no operand (NULL ends them) was meant to be
 * its value; -1, told.
 */
int learn_opt_check(const struct learn *l, const struct ready *ready,
    char *const *operands);

/*
 * Looks at the clone's memory until then, where it is until_ready by `ready`, and
 * puts what it touched beside the snapshot `snap_id` of the root, in place of what
 * is there, and how much that is into the record.  Neither is locked by this
 * process meanwhile.
 * EX_UNAVAILABLE: its memory is not mapped, or it has ended.  EX_NOINPUT: the
 * snapshot or the clone was removed.  EX_IOERR.
 */
int learn(const struct ready_item *clone, const struct learn *l,
    const struct ready *ready, const struct root *root, const char *snap_id,
    struct error *err);

#endif
