/* SPDX-License-Identifier: ISC */
/* What a mount says of itself: its record. */
#ifndef STATUS_H
#define STATUS_H

#include <stddef.h>

#include "base/error.h"
#include "base/members.h"

#define STATUS_BYTES_MAX 65536

struct mount;

extern const struct members status_members;

/* As JSON, which the caller frees.  EX_OSERR. */
int status_text(char **text, size_t *len, const struct mount *m,
    struct error *err);

/*
 * Asks the mount on the directory `dir` and prints its record, of which
 * `members` may be a list (NULL: all).  EX_NOINPUT: it is no mount of ours.
 * EX_UNAVAILABLE: it has ended.  EX_IOERR.
 */
int status_report(const char *dir, const char *members, struct error *err);

#endif
