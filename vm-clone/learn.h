/* SPDX-License-Identifier: ISC */
/* The working set of a snapshot, learned from a clone that has just begun to run. */
#ifndef LEARN_H
#define LEARN_H

#include "base/opt.h"
#include "state/root.h"
#include "vmm/ready_list.h"

/* Without a duration: until a line on the console, but no longer than that. */
#define LEARN_CONSOLE_MS 60000

struct learn {
	bool wanted;
	struct opt_time time; /* not given: until the console says something */
};

/* The value of --learn, or NULL.  -1: a usage error (told). */
int learn_opt(struct learn *l, const char *value);

/*
 * Looks at the clone's memory until then, and puts what it touched beside the
 * snapshot `snap_id` of the root, in place of what is there, and how much that is
 * into the record.  Neither is locked by this process meanwhile.
 * EX_UNAVAILABLE: its memory is not mapped, or it has ended.  EX_NOINPUT: the
 * snapshot or the clone was removed.  EX_IOERR.
 */
int learn(const struct ready_item *clone, const struct learn *l,
    const struct root *root, const char *snap_id, struct error *err);

#endif
