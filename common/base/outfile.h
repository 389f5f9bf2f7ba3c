/* SPDX-License-Identifier: ISC */
/*
 * A file that gets its name only when it is whole: written without a name, or
 * beside under a hidden one, synced, linked or renamed.
 */
#ifndef BASE_OUTFILE_H
#define BASE_OUTFILE_H

#include "base/error.h"
#include "base/id.h"

struct outfile {
	const char *path; /* borrowed: for messages */
	const char *name; /* last component, borrowed from path */
	char beside[ID_LEN + 8]; /* ".new-<id>"; "": it has no name */
	int dirfd; /* of the directory that both are in; -1: none */
	int fd; /* for reading and writing, mode 0600, empty; -1: none */
};

/* What outfile_drop() ignores. */
#define OUTFILE_NONE ((struct outfile){ .dirfd = -1, .fd = -1 })

#define OUTFILE_NEW 0u /* the name must be free */
#define OUTFILE_REPLACE 1u /* a regular file of that name is replaced */
#define OUTFILE_NOSYNC 2u /* publish: it is synced, or soon made again */

/*
 * Makes the file without a name in the directory of `path`.  EX_CANTCREAT: the
 * name is taken already (always so by what is no regular file), or is none, or
 * its directory is not there.  EX_NOPERM, EX_IOERR.
 */
int outfile_open(struct outfile *out, const char *path, unsigned flags,
    struct error *err);

/*
 * Syncs, gives it its name and closes; from then on everybody sees it.  EX_CANTCREAT:
 * the name was taken meanwhile, and OUTFILE_REPLACE is not given.  EX_IOERR.
 */
int outfile_publish(struct outfile *out, unsigned flags, struct error *err);

/* Removes what was not published; closes. */
void outfile_drop(struct outfile *out);

#endif
