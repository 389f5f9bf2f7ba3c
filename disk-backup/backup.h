/* SPDX-License-Identifier: ISC */
/* An image read once or twice, hashed, compressed and written as MIRN. */
#ifndef BACKUP_H
#define BACKUP_H

#include <stdbool.h>

#include "base/error.h"
#include "base/outfile.h"
#include "disk/image.h"
#include "foreign/mirn.h"

struct backup {
	const struct image *image;
	int level, threads; /* pack.h */
	bool quiet;
};

/*
 * Reads the level and the number of threads; NULL stands for PACK_LEVEL and
 * for as many as there are processors for us.  EX_USAGE.
 */
int backup_settings(struct backup *out, const char *level, const char *threads,
    struct error *err);

/* Sets the time of the backup: `text` when not NULL, else now.  EX_USAGE. */
int backup_timestamp(struct mirn_head *head, const char *text,
    struct error *err);

/*
 * Writes `head` and the image to `file` when it is open, else to standard
 * output, and sets the size and checksum in the header.  Where the output can
 * seek the image is read once and the header written again at the end; else
 * it is read twice.  EX_IOERR.  EX_TEMPFAIL: it changed between the two.
 */
int backup_write(struct mirn_head *head, const struct backup *backup,
    const struct outfile *file, struct error *err);

/* Prints the header, and what and how long the file at `path` is. */
int backup_report(const char *path, const struct mirn_head *head,
    const char *members, struct error *err);

#endif
