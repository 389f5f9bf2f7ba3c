/* SPDX-License-Identifier: ISC */
/*
 * Clones of a snapshot that were loaded and stand still until somebody takes
 * them: pool/SNAPSHOT/VM, each the directory that it will have beneath vm/, where
 * nobody looks for it.  Who keeps them up holds the lock of pool/SNAPSHOT; what
 * lies there without such a lock is state-gc's.  instar-state(5).
 */
#ifndef STATE_STANDBY_H
#define STATE_STANDBY_H

#include "base/error.h"
#include "base/strv.h"
#include "state/root.h"

#define STANDBY_DIR "pool" /* beneath the root */

/*
 * Opens the directory of the snapshot `snap_id`; *dirfd is the caller's.  With
 * `make` it is made, else EX_NOINPUT where it is not there.
 */
int standby_open(int *dirfd, const struct root *root, const char *snap_id,
    bool make, struct error *err);

/*
 * The same, and locks it for who keeps it up.  EX_TEMPFAIL: another one does.
 */
int standby_keep(int *dirfd, const struct root *root, const char *snap_id,
    struct error *err);

/*
 * Whether somebody keeps up that of the snapshot `snap_id`, which need not be
 * there.
 */
int standby_is_kept(bool *out, const struct root *root, const char *snap_id,
    struct error *err);

/* The ids of the snapshots that have one, sorted, appended to *ids. */
int standby_pools(struct strv *ids, const struct root *root, struct error *err);

/* The ids of those that wait in `dirfd`, sorted, appended to *ids. */
int standby_list(struct strv *ids, int dirfd, struct error *err);

/*
 * What was built becomes one that waits for the snapshot `snap_id`: it can be
 * taken once root_new_end() has let go of it.
 */
int standby_put(struct root_new *n, const char *snap_id, struct error *err);

/*
 * Takes one of those that wait: *out as root_new_begin() has it.  1: none is
 * there that somebody else has not taken, and whose VMM is in this PID namespace.
 * EX_USAGE, EX_CANTCREAT: of the name.
 */
int standby_take(struct root_new *out, const struct root *root,
    const char *snap_id, const char *name, struct error *err);

/* Removes the directory of the snapshot, where nothing waits in it any more. */
void standby_drop(const struct root *root, const char *snap_id);

#endif
