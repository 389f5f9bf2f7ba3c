/* SPDX-License-Identifier: ISC */
/* Shared disks of a snapshot that others made: taken into layer/. */
#ifndef LAYER_H
#define LAYER_H

#include "import.h"

/*
 * Where the file of the recorded `path` is: in the directory by its last
 * component; at the path itself only where the user trusts it.  Returns the
 * directory to open *file from, which is borrowed; NULL: nowhere.
 */
int layer_find(const char **file, int dirfd, bool trust_paths,
    const char *path);

/* Opens what layer_find() has found; EX_DATAERR: no regular file. */
int layer_open(int *fd, uint64_t *size_bytes, int dirfd, const char *file,
    struct error *err);

/* The file becomes a layer of the snapshot under `name`. */
int layer_take(struct import *m, int dirfd, const char *file, const char *name,
    struct error *err);

#endif
