/* SPDX-License-Identifier: ISC */
/* Names that come from outside, and paths made of them. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define PATH_NAME_MAX 255 /* bytes of one component, NAME_MAX of Linux */

/*
 * Whether `name` is one component that may be created: not empty, not "." or
 * "..", no slash, only printable characters of valid UTF-8, within
 * PATH_NAME_MAX.
 */
bool path_is_name(const char *name);

/* Whether the `len` bytes at `text` are valid UTF-8 without NUL. */
bool path_is_utf8(const char *text, size_t len);

/* What stands behind the last slash of `path`; borrowed from it. */
const char *path_base(const char *path);

/*
 * `path` as an absolute one, by the working directory, not resolved.  The
 * caller frees it.  NULL: out of memory, or no working directory.
 */
char *path_absolute(const char *path);

/* printf into a new string, which the caller frees.  NULL: out of memory. */
char *path_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
