/* SPDX-License-Identifier: ISC */
/* A directory becomes a snapshot of the store. */
#ifndef DIR_H
#define DIR_H

#include "import.h"

/*
 * Copies the snapshot directory `path`, which is only read, into the store at
 * `root`: files reflinked or copied, never linked, digests checked where it
 * has them and made where not.  Prints the record.
 */
int import_from_dir(const char *path, const char *root,
    const struct import_how *how, bool quiet, const char *members,
    struct error *err);

#endif
