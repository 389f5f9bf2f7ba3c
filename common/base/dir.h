/* SPDX-License-Identifier: ISC */
/* What is in a directory. */
#ifndef BASE_DIR_H
#define BASE_DIR_H

#include "base/error.h"
#include "base/strv.h"

/*
 * Appends the names in the directory `dirfd`, all but "." and "..", in the
 * order of their bytes; `what` names it in messages.  All of them or none: a
 * read error is an error and never the end.  EX_IOERR.
 */
int dir_list(struct strv *names, int dirfd, const char *what,
    struct error *err);

#endif
