/* SPDX-License-Identifier: ISC */
/*
 * Descriptors: loops that know EINTR and short counts, and the two ways to be
 * rid of one.  `what` names the file in messages.  A signal noted by base/sig
 * ends each loop with its code.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Reads up to `len` bytes; *got is less only at the end of file.  EX_IOERR. */
int fd_read(size_t *got, int fd, void *buf, size_t len, const char *what,
    struct error *err);

/* Reads exactly `len` bytes at `off`.  EX_DATAERR: the file ends before. */
int fd_pread(int fd, void *buf, size_t len, uint64_t off, const char *what,
    struct error *err);

/* Write all of `len` bytes.  EX_IOERR: the disk or the pipe said no. */
int fd_write(int fd, const void *buf, size_t len, const char *what,
    struct error *err);
int fd_pwrite(int fd, const void *buf, size_t len, uint64_t off,
    const char *what, struct error *err);

/* fsync and close, both checked; *fd becomes -1 in any case.  EX_IOERR. */
int fd_commit(int *fd, const char *what, struct error *err);

/* Closes without a word what was only read, or is given up; *fd becomes -1. */
void fd_drop(int *fd);

/* fsync of a directory; filesystems that cannot do it are no error. */
int fd_sync_dir(int dirfd, const char *what, struct error *err);

/* Whether anything has that name beneath `dirfd`, a dangling link included. */
bool fd_exists(int dirfd, const char *name);

/*
 * Opens `name` beneath `dirfd`: no symbolic link is followed, and only a
 * regular file is taken.  *size is its length when not NULL.  EX_NOINPUT: not
 * there.  EX_DATAERR: a link, directory or special file.  EX_NOPERM.
 */
int fd_open_file(int *out, uint64_t *size, int dirfd, const char *name,
    int flags, struct error *err);

/* As fd_open_file(), a path of the user's, which may lead through links. */
int fd_open_path(int *out, uint64_t *size, const char *path, int flags,
    struct error *err);

/*
 * Where *err, which may be NULL, is of a mount whose process has ended, says how
 * the mount `dir` ends, too.
 */
void fd_hint_stale(struct error *err, const char *dir);

/*
 * Opens the directory `name` beneath `dirfd` (or AT_FDCWD) for reading.  With
 * `follow` a symbolic link may stand in its place.  fd_hint_stale() is heeded.
 */
int fd_open_dir(int *out, int dirfd, const char *name, bool follow,
    struct error *err);

/* The directory of `path`, open, and the name in it, which is a part of it. */
int fd_open_parent(int *out, const char **name, const char *path,
    struct error *err);

/*
 * Reads the whole of the regular file `name`, at most `max` bytes, into *buf,
 * which is the caller's to free and has a NUL behind it.  *len may be NULL.
 * As fd_open_file(); EX_DATAERR: larger than max.
 */
int fd_slurp(char **buf, size_t *len, int dirfd, const char *name, size_t max,
    struct error *err);

/* The same of a file that is open, from where it stands, of `size` bytes. */
int fd_slurp_open(char **buf, size_t *len, int fd, uint64_t size, size_t max,
    const char *what, struct error *err);

/*
 * The same of what `fd` has left to read, a pipe or terminal among it.
 * EX_DATAERR: more than max.  EX_IOERR.
 */
int fd_read_all(char **buf, size_t *len, int fd, size_t max, const char *what,
    struct error *err);

/*
 * Puts `name` in place as a whole: written beside, synced when `sync`, renamed
 * over what was there, the directory synced when `sync`.  Mode 0600.
 */
int fd_replace_file(int dirfd, const char *name, const void *buf, size_t len,
    bool sync, struct error *err);

/*
 * Connects to the Unix socket `name` beneath `dirfd`, however long the path of
 * that directory is.  EX_UNAVAILABLE: nobody listens there.  EX_NOPERM: not to
 * us.
 */
int fd_dial(int *out, int dirfd, const char *name, struct error *err);

/*
 * The same without waiting for anything, also later: the descriptor is one
 * that does not block.  EX_TEMPFAIL: the listener's queue is full.
 */
int fd_dial_now(int *out, int dirfd, const char *name, struct error *err);

/* Removes the tree `name` beneath `dirfd`; absent is no error. */
int fd_remove_tree(int dirfd, const char *name, struct error *err);

/* Closes every descriptor from `from` on but those `n`.  -1 and errno. */
int fd_close_others(int from, const int *keep, size_t n);

#endif
