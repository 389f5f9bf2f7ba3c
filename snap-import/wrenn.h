/* SPDX-License-Identifier: ISC */
/* A snapshot directory of wrenn becomes one of the store. */
#ifndef WRENN_H
#define WRENN_H

#include <stdbool.h>

#include "vmm/intake.h"

#define WRENN_META_MAX 16384 /* bytes: two paths, and quoting */
#define WRENN_STATE_MAX 10000000 /* bytes: its VMM reads no more */

/* Whether one of wrenn's files is in the directory, and no envelope. */
bool wrenn_is(int dirfd, const struct intake_how *how);

/*
 * Resolves the generations of memory, flattens the disk onto its base, which
 * --base names or which lies in the directory or in the one above it.  The
 * directory, open as `dirfd`, is only read.  EX_DATAERR: a file is missing or
 * damaged.  EX_NOINPUT: no base.  EX_TEMPFAIL: a VM has the disk.  EX_USAGE:
 * --base for a disk that is whole.
 */
int wrenn_import(struct intake *in, const char *path, int dirfd,
    const struct intake_how *how, struct error *err);

#endif
