/* SPDX-License-Identifier: ISC */
/*
 * flock(2) on a directory or file: dies with the process, is shared by
 * children that inherit the descriptor.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };

/*
 * Opens the directory `name` beneath dirfd, without following a link, and
 * locks it; waits until `deadline_ms` (base/clock; 0: not at all).  After
 * locking the inode is looked at again, so that what is locked is what has the
 * name.  *fd, a read-only descriptor of the directory, holds the lock until it
 * and its copies are closed.  EX_NOINPUT: no such directory.  EX_TEMPFAIL:
 * locked by somebody else.
 */
int lock_dir(int *fd, int dirfd, const char *name, enum lock_mode mode,
    int64_t deadline_ms, struct error *err);

/* Locks what `fd` has open.  EX_TEMPFAIL as above; `what` names it. */
int lock_fd(int fd, enum lock_mode mode, int64_t deadline_ms, const char *what,
    struct error *err);

/*
 * The same, exclusively, of a regular file that is open for reading: while it
 * waits, lock_is_wanted() is true for who holds it.
 */
int lock_want(int fd, int64_t deadline_ms, const char *what, struct error *err);

/* Whether somebody waits in lock_want() for what `fd` has open. */
bool lock_is_wanted(int fd);

/*
 * Lets somebody who waits in lock_want() have what `fd` holds, and comes back when
 * nobody waits any more, or after a moment: it is not locked by `fd` then.
 */
void lock_yield(int fd);

/*
 * Marks a regular file that is open for writing, until `fd` and its copies are
 * closed.  Who looks for the mark takes no lock, and so is never seen as one.
 */
void lock_mark(int fd);
bool lock_is_marked(int fd);

#endif
