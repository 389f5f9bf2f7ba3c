/* SPDX-License-Identifier: ISC */
#ifndef DISK_DIGEST_FILE_H
#define DISK_DIGEST_FILE_H

#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "disk/digest.h"

/*
 * The fs-verity digest of the first `size` bytes of `fd`, read by data extents;
 * on several threads where that pays.  EX_IOERR.  EX_DATAERR: shorter than
 * `size`.
 */
int digest_file(struct digest *out, int fd, uint64_t size, const char *what,
    struct error *err);

/* The same, with a line of progress: `progress` is set up for `size` bytes. */
int digest_file_shown(struct digest *out, int fd, uint64_t size,
    struct progress *progress, const char *what, struct error *err);

#endif
