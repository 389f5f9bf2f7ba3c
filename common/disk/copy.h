/* SPDX-License-Identifier: ISC */
/* Whole files from one place to another: linked, reflinked, else copied. */
#ifndef DISK_COPY_H
#define DISK_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum copy_how { COPY_LINKED, COPY_REFLINKED, COPY_COPIED };

/* What copy_file() may do; copying by extents it may, too, unless it must not. */
#define COPY_MAY_LINK 1u
#define COPY_MAY_REFLINK 2u
#define COPY_NO_COPY 4u
#define COPY_HAS_PLACE 8u /* to_name is there, and empty: it stays */

/* Told how many bytes of data were copied so far; -1 ends the copy. */
typedef int copy_progress(void *arg, uint64_t done_bytes);

/*
 * Whether files in the directory `dirfd` can be reflinked: tried with two
 * nameless files, which takes as long as the disk needs for a block.
 */
bool copy_can_reflink(int dirfd);

/* The same by the kind of filesystem alone: true is a perhaps. */
bool copy_might_reflink(int dirfd);

/*
 * Makes `to` share all extents of `from` (FICLONE, ioctl_ficlonerange(2)).
 * EX_UNAVAILABLE: this filesystem or pair of filesystems cannot.
 */
int copy_reflink(int to, int from, const char *what, struct error *err);

/*
 * Gives the empty file `to` the length and the data extents of `from`; holes
 * stay holes, and blocks of zeros may become some.  `progress` may be NULL.
 * EX_IOERR, no space among it.  EX_DATAERR: `from` is shorter than `size`.
 * EX_TEMPFAIL: `progress` ended it.
 */
int copy_extents(int to, int from, uint64_t size, copy_progress *progress,
    void *arg, const char *what, struct error *err);

/*
 * The same to a file that has an earlier copy of `from`, whose data was written
 * since but has not become holes: blocks that have become zeros are written.
 */
int copy_again(int to, int from, uint64_t size, const char *what,
    struct error *err);

/*
 * Either of the two, of a guest's memory, which others have mapped.  It is read
 * through a mapping: what read(2) brings in ahead of a page that the guest has
 * written counts as data from then on (preallocated files on ext4), and in the
 * end all of the memory would be copied.  A memfd is read as any file.  `size`
 * is not 0.
 */
int copy_memory(int to, int from, uint64_t size, bool again, const char *what,
    struct error *err);

/*
 * Makes `to_name` in `to_dirfd` from the regular file `from_name`: a hard link
 * where allowed (EXDEV, EPERM, EMLINK, EACCES and EROFS fall through), else a
 * reflink where allowed, else a copy of the extents; new files have mode 0600
 * and are not synced.  *how may be NULL.  EX_CANTCREAT: to_name exists.
 * EX_UNAVAILABLE: a copy would be needed, and must not be.  What failed leaves
 * nothing at to_name; in a place that was there already what it may have.
 */
int copy_file(enum copy_how *how, int to_dirfd, const char *to_name,
    int from_dirfd, const char *from_name, unsigned may, struct error *err);

#endif
