/* SPDX-License-Identifier: ISC */
/* What would be free if a snapshot were removed. */
#ifndef SNAP_LS_EXCLUSIVE_H
#define SNAP_LS_EXCLUSIVE_H

#include <jansson.h>

#include "base/error.h"
#include "state/snap.h"

/*
 * Sets the record's disk_usage to the allocated bytes of the snapshot's files
 * that have no other link, without the extents that they share with other
 * files (FIEMAP_EXTENT_SHARED).  Where the filesystem tells no extents nothing
 * is shared.  EX_IOERR.
 */
int exclusive_put(json_t *record, const struct snap *snap, struct error *err);

#endif
