/* SPDX-License-Identifier: ISC */
/* A MIRN file read, hashed and written as an image. */
#ifndef RESTORE_H
#define RESTORE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/outfile.h"
#include "foreign/mirn.h"

/*
 * Opens a MIRN file, or any pipe; NULL and "-" stand for standard input.
 * EX_NOINPUT.  EX_DATAERR: a directory.
 */
int restore_open(int *fd, const char *path, struct error *err);

/*
 * Looks at what is in the image's place, and locks it (flock(2)) until *fd is
 * closed; *fd is -1 when there is nothing.  EX_CANTCREAT: something that is no
 * regular file.  EX_TEMPFAIL: in use.
 */
int restore_claim(int *fd, const char *path, struct error *err);

/* EX_TEMPFAIL: what `fd` (or -1) has open came into use meanwhile. */
int restore_claim_check(int fd, const char *path, struct error *err);

/*
 * Reads the image to its end and compares length and checksum; `what` names
 * the file.  When `file` is open it is written there, zero blocks as holes;
 * not synced.  EX_DATAERR, EX_IOERR.
 */
int restore_image(struct mirn_reader *reader, const struct outfile *file,
    const char *what, bool quiet, struct error *err);

/*
 * Prints the header, and with `path` what and how long the image there is.
 * EX_IOERR.
 */
int restore_report(const struct mirn_head *head, const char *path,
    const char *members, struct error *err);

#endif
