/* SPDX-License-Identifier: ISC */
/*
 * The end of a compressed archive of ours: the SHA-256 of every compressed
 * byte before it, in a place that decompressors skip, then the two zero blocks
 * that end a tar.  Compressed forms have bits that change nothing when they
 * flip; with the stamp they are noticed all the same, and since the tar's end
 * stands behind it, it cannot be cut off unseen.  instar-archive(5).
 */
#ifndef ARCHIVE_STAMP_H
#define ARCHIVE_STAMP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define STAMP_BYTES_MAX 96

enum stamp_kind { STAMP_ZSTD, STAMP_GZIP };

struct stamp;

/* Returns owned (stamp_free).  EX_OSERR. */
int stamp_new(struct stamp **out, enum stamp_kind kind, struct error *err);
void stamp_free(struct stamp *s);

/* Writing: the next compressed bytes; then what goes behind them. */
void stamp_add(struct stamp *s, const void *buf, size_t len);
void stamp_make(unsigned char out[STAMP_BYTES_MAX], size_t *len,
    struct stamp *s);

/*
 * Reading: all bytes as they come, the stamp among them; then whether what
 * stood at the end was right.  A stream without a stamp is no error: somebody
 * else compressed it.  EX_DATAERR.
 */
void stamp_feed(struct stamp *s, const unsigned char *buf, size_t len);
int stamp_check(struct stamp *s, struct error *err);

/*
 * Reading, beside stamp_feed(): bytes as the decompressor takes them, and
 * whether the first is that of a frame or member.  So a stamp is known where
 * it stands, and what has been put behind it is noticed.
 */
void stamp_take(struct stamp *s, bool is_first, const unsigned char *buf,
    size_t len);

#endif
