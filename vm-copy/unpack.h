/* SPDX-License-Identifier: ISC */
/*
 * A tar archive that a guest has made, into a directory of this machine.  The
 * guest is not trusted: a process of its own reads it, which can do nothing but
 * write beneath that directory.
 */
#ifndef UNPACK_H
#define UNPACK_H

#include "base/error.h"

#define UNPACK_ENTRIES_MAX 10000000 /* files and directories */
#define UNPACK_DEPTH_MAX 128 /* directories within one another */

/*
 * Unpacks the archive that `fd` has from its beginning into the empty directory
 * `dirfd`: everything in it is `name`, or beneath it.  Files, directories, symbolic
 * and hard links; modes without set-id bits, times, holes.  EX_DATAERR: another
 * kind of file, or a name that leads elsewhere; or it is damaged.  EX_IOERR.
 */
int unpack_tree(int fd, int dirfd, const char *name, struct error *err);

#endif
