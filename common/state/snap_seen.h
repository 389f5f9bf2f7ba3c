/* SPDX-License-Identifier: ISC */
/*
 * How the larger files of a snapshot looked when they were last read for their
 * digests: lines in access/ID of the root, which nobody needs to have;
 * instar-state(5).
 */
#ifndef STATE_SNAP_SEEN_H
#define STATE_SNAP_SEEN_H

#include <sys/stat.h>

#include <stdbool.h>

#include "state/root.h"

#define SNAP_SEEN_MIN_BYTES (1u << 20) /* smaller ones are read again */

/*
 * What is remembered of the file `name` of the snapshot `id` is that it looks
 * like *st, unless it is a small one, or the root has no such snapshot.  Where
 * it cannot be written down the file is only read once more.
 */
void snap_seen_set(const struct root *root, const char *id, const char *name,
    const struct stat *st);

/* Whether *st is how it looked (looks_same); nothing remembered: no. */
bool snap_seen_is(const struct root *root, const char *id, const char *name,
    const struct stat *st);

#endif
