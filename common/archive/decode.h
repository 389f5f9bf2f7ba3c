/* SPDX-License-Identifier: ISC */
/*
 * The bytes of an archive behind its compression, made on a thread of their
 * own: plain, zstd, gzip, xz, bzip2 or lz4, told by the first bytes.
 */
#ifndef ARCHIVE_DECODE_H
#define ARCHIVE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/chunk.h"
#include "base/error.h"

struct decode;

/*
 * Starts reading `fd` (borrowed until decode_free; any kind of file).  Returns
 * owned.  EX_OSERR.
 */
int decode_open(struct decode **out, int fd, struct error *err);

/* Stops and waits for the thread; chunks may no longer be held by anybody. */
void decode_free(struct decode *d);

/* The flow whose consumer the caller is (archive/chunk.h). */
struct chunk_flow *decode_flow(struct decode *d);

/* After the end of the flow: zero bytes stood behind the last frame. */
bool decode_has_padding(const struct decode *d);

/* Bytes read from `fd` so far. */
uint64_t decode_read_bytes(struct decode *d);

#endif
