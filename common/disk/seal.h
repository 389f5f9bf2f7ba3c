/* SPDX-License-Identifier: ISC */
/* The last step of a saved file: zero blocks become holes, digest, sync. */
#ifndef DISK_SEAL_H
#define DISK_SEAL_H

#include <stdint.h>

#include "disk/digest.h"

/*
 * Reads each byte of data of `fd` (open for reading and writing, changed by
 * nobody meanwhile) once, punches holes where whole blocks are zero, computes
 * the digest on the way, and syncs.  What was allocated and never written is
 * given back.  A filesystem that cannot punch holes is no error.  EX_IOERR.
 */
int seal_file(struct digest *out, int fd, uint64_t size, const char *what,
    struct error *err);

#endif
