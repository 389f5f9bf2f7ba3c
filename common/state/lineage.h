/* SPDX-License-Identifier: ISC */
/* What a snapshot has come from, as far as the store can tell. */
#ifndef STATE_LINEAGE_H
#define STATE_LINEAGE_H

#include "base/error.h"
#include "base/strv.h"
#include "state/root.h"
#include "state/snap.h"

#define LINEAGE_MAX 256 /* ids */

/*
 * Appends the snapshot's own id, then those of its ancestors, the nearest first:
 * what was saved from the same VM before, what that VM was cloned from, and so
 * on, while the VMs are there.  Some may be gone.  EX_OSERR.
 */
int lineage_of(struct strv *ids, const struct root *root,
    const struct snap *snap, struct error *err);

#endif
