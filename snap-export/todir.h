/* SPDX-License-Identifier: ISC */
/* A snapshot as a directory of its own, anywhere. */
#ifndef TODIR_H
#define TODIR_H

#include <stdbool.h>

#include "base/error.h"
#include "state/snap.h"

/*
 * Fills the directory `path`, which must be empty or is made (0700), and
 * prints the snapshot's record: every file reflinked, else its extents copied,
 * never linked, and synced; the envelope last, so that who sees it sees
 * everything.  What failed is taken away again.  EX_CANTCREAT: the directory
 * holds something, or cannot be made.  EX_TEMPFAIL: another export fills it.
 */
int todir_export(const struct snap *snap, const struct root *root,
    const char *path, bool quiet, const char *members, struct error *err);

#endif
