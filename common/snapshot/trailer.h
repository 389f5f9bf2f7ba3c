/* SPDX-License-Identifier: ISC */
/*
 * snapshot.digests, the last entry of an archive of ours: a line for every
 * other entry, the envelope included, as `fsverity digest` prints it;
 * instar-archive(5).
 */
#ifndef SNAPSHOT_TRAILER_H
#define SNAPSHOT_TRAILER_H

#include <stddef.h>

#include "base/error.h"
#include "base/path.h"
#include "disk/digest.h"
#include "snapshot/envelope.h"

#define TRAILER_LINE_MAX (DIGEST_TEXT_MAX + PATH_NAME_MAX + 2)
#define TRAILER_BYTES_MAX (2u << 20) /* ENVELOPE_FILES_MAX lines and room */

/* Makes the line of `name` in out[TRAILER_LINE_MAX + 1]; returns its length. */
size_t trailer_line(char *out, const struct digest *digest, const char *name);

/*
 * Reads the next line of the `len` bytes at `text`: 1, 0 at the end, -1.
 * *pos starts at 0.  EX_DATAERR: not "sha256:HEX NAME".
 */
int trailer_next(struct digest *digest, char name[PATH_NAME_MAX + 1],
    size_t *pos, const char *text, size_t len, struct error *err);

/*
 * Whether the trailer in the directory of an archive that was unpacked names
 * the files of its envelope `e`, and that itself, with their digests; those of
 * the files are taken from `e`.  EX_DATAERR.
 */
int trailer_check_dir(int dirfd, const struct envelope *e, struct error *err);

#endif
