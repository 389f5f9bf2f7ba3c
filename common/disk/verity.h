/* SPDX-License-Identifier: ISC */
/*
 * The Merkle tree behind fs-verity file digests: SHA-256, blocks of 4096 bytes,
 * no salt (kernel Documentation/filesystems/fsverity.rst, "File digest
 * computation").  Runs of zeros cost next to nothing.
 */
#ifndef DISK_VERITY_H
#define DISK_VERITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/digest.h"

#define VERITY_BLOCK 4096

/* One digest being made of a file's bytes from first to last. */
struct verity;

/* Returns owned (verity_free); EX_OSERR. */
int verity_new(struct verity **out, struct error *err);
void verity_free(struct verity *v);

/* Makes it ready for another file. */
void verity_reset(struct verity *v);

/* The next `len` bytes; any split of the file gives the same digest. */
int verity_data(struct verity *v, const void *buf, size_t len,
    struct error *err);

/* The next `len` bytes are zeros. */
int verity_zeros(struct verity *v, uint64_t len, struct error *err);

/*
 * Bytes that one hash block of the tree's second level speaks for: files can
 * be hashed in pieces of whole groups, side by side.
 */
#define VERITY_GROUP (UINT64_C(128) * VERITY_BLOCK)

/*
 * Copies the hashes of the groups that came since the reset to out[max]: whole
 * groups only, fewer than 128 of them.  Returns how many.
 */
size_t verity_groups(struct digest *out, size_t max, const struct verity *v);

/* The next `n` groups by their hashes; only whole groups came before. */
int verity_add_groups(struct verity *v, const struct digest *groups, size_t n,
    struct error *err);

/*
 * The last group of a file, of which `len` bytes are there, at most a whole
 * one, by its hash: that of its hash block; of a file of one block, which has
 * none, the block's.
 */
int verity_add_last(struct verity *v, const struct digest *group, uint64_t len,
    struct error *err);

/* The hash of a block of zeros. */
void verity_zero_hash(struct digest *out);

/* The digest of all that came; it wants a reset afterwards. */
void verity_final(struct verity *v, struct digest *out);

#endif
