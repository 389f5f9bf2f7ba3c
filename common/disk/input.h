/* SPDX-License-Identifier: ISC */
/* Files of the user's, by paths whose links are followed. */
#ifndef DISK_INPUT_H
#define DISK_INPUT_H

#include <stdint.h>

#include "base/error.h"

/* *fd is the caller's.  EX_NOINPUT: missing, or no file. */
int input_open(int *fd, uint64_t *size, const char *path, struct error *err);

/* The same; EX_NOINPUT: empty, too. */
int input_open_filled(int *fd, uint64_t *size, const char *path,
    struct error *err);

/*
 * Copies (reflinks where possible) the file `path` as it is now to the new
 * `name` in the directory.  EX_NOINPUT: missing, empty, or no file.
 */
int input_copy(int dirfd, const char *name, const char *path,
    struct error *err);

#endif
