/* SPDX-License-Identifier: ISC */
/* A snapshot directory of wrenn becomes one of Firecracker in the store. */
#ifndef WRENN_H
#define WRENN_H

#include <stdbool.h>

#include "import.h"

#define WRENN_META_MAX 16384 /* bytes: two paths, and quoting */

/* Whether one of wrenn's files is in the directory, and no envelope. */
bool wrenn_is(int dirfd);

/*
 * Resolves the generations of memory, flattens the disk onto its base, which
 * --base names or which lies in the directory or in the one above it, and
 * publishes.  The directory, open as `dirfd`, is only read.  EX_DATAERR: a file is missing or
 * damaged.  EX_NOINPUT: no base.  EX_TEMPFAIL: a VM has the disk.  EX_USAGE:
 * --base for a disk that is whole.
 */
int wrenn_import(struct import *m, const char *path, int dirfd,
    const struct import_how *how, struct error *err);

#endif
