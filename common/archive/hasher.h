/* SPDX-License-Identifier: ISC */
/*
 * Digests of files as they are unpacked, made on a thread of their own from
 * the buffers that the archive's reader filled: no byte is read again.
 */
#ifndef ARCHIVE_HASHER_H
#define ARCHIVE_HASHER_H

#include <stdint.h>

#include "archive/chunk.h"
#include "disk/digest.h"

struct hasher;

/* `flow` is that of the pieces' chunks, borrowed.  Returns owned.  EX_OSERR. */
int hasher_new(struct hasher **out, struct chunk_flow *flow, struct error *err);
/* Waits for the thread. */
void hasher_free(struct hasher *h);

/*
 * The file's next bytes, at `data` in `chunk`, which is held until they are
 * digested; or zeros.
 */
void hasher_data(struct hasher *h, struct chunk *chunk,
    const unsigned char *data, size_t len);
void hasher_zeros(struct hasher *h, uint64_t len);

/* The file is complete: its digest will be in *out, see hasher_finish(). */
void hasher_file(struct hasher *h, struct digest *out);

/* Waits until all digests are there.  EX_SOFTWARE, EX_OSERR. */
int hasher_finish(struct hasher *h, struct error *err);

#endif
