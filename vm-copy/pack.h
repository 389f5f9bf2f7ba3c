/* SPDX-License-Identifier: ISC */
/* A file or a tree of this machine as a tar stream. */
#ifndef PACK_H
#define PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define PACK_DEPTH_MAX 128 /* directories within one another */

/* Where the stream goes; -1: *err tells. */
typedef int pack_write(void *arg, const void *bytes, size_t len,
    struct error *err);

/*
 * Packs what is at `path` under the name `name`: files, directories, symbolic
 * links, with modes and times, and holes where `sparse`.  Anything else is EX_DATAERR.
 * EX_NOINPUT, EX_NOPERM, EX_IOERR.
 */
int pack_tree(const char *path, const char *name, bool sparse,
    pack_write *write, void *arg, struct error *err);

#endif
