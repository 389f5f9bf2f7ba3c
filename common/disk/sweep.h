/* SPDX-License-Identifier: ISC */
/*
 * One pass over the data of a whole file on several threads: what digests and
 * sealing have in common.
 */
#ifndef DISK_SWEEP_H
#define DISK_SWEEP_H

#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "disk/digest.h"

#define SWEEP_PUNCH 1u /* blocks of zeros become holes on the way */

/*
 * Digest of the first `size` bytes of `fd`; each byte of data is read once.
 * `progress`, or NULL, is told of bytes of the file, holes among them.  Memory:
 * half a MiB a thread.  EX_IOERR.  EX_DATAERR: shorter than `size`.
 */
int sweep_file(struct digest *out, int fd, uint64_t size, unsigned flags,
    struct progress *progress, const char *what, struct error *err);

#endif
