/* SPDX-License-Identifier: ISC */
/* A snapshot as a directory of wrenn's own. */
#ifndef WRENN_H
#define WRENN_H

#include <stdbool.h>

#include "base/error.h"
#include "state/snap.h"

/*
 * Fills the directory `path`, which must be empty or is made (0700), and
 * prints the snapshot's record: snapfile, memory as one generation, the disk
 * whole; memfile.header last, without which it is not complete.  What failed
 * is taken away again.  Digests are checked, as wrenn has none.  EX_CONFIG:
 * another hypervisor's, or with more than one raw disk.  EX_DATAERR: a file is
 * not there, or not what was saved.  EX_CANTCREAT: the directory holds
 * something, or cannot be made.  EX_TEMPFAIL: another export fills it.
 */
int wrenn_export(const struct snap *snap, const struct root *root,
    const char *path, bool quiet, const char *members, struct error *err);

#endif
