/* SPDX-License-Identifier: ISC */
/* Pages in a zstd frame, and back; instar-registry(5), Packs. */
#ifndef REGISTRY_FRAME_H
#define REGISTRY_FRAME_H

#include <stddef.h>

#include "base/error.h"
#include "registry/leaf.h"

/* What snap-export(1) takes: 3 is 4 % smaller, and takes a quarter longer. */
#define FRAME_LEVEL 1

/* What both ways need; { 0 } is none. */
struct frame_coder {
	void *press, *open; /* ZSTD_CCtx, ZSTD_DCtx; made when first needed */
};

void frame_coder_fini(struct frame_coder *coder);

/*
 * Compresses `n` pages, 1 to LEAF_FRAME_PAGES, to out[LEAF_FRAME_BYTES_MAX].
 * EX_OSERR.
 */
int frame_pack(unsigned char *out, size_t *len, struct frame_coder *coder,
    const unsigned char *pages, size_t n, struct error *err);

/*
 * Inflates the frame of `len` bytes to exactly `n` pages; not a byte more is
 * written.  EX_DATAERR: no frame, more or less than one, or of other length.
 */
int frame_unpack(unsigned char *pages, size_t n, struct frame_coder *coder,
    const unsigned char *raw, size_t len, struct error *err);

#endif
