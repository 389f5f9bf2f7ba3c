/* SPDX-License-Identifier: ISC */
/*
 * fs-verity file digests: SHA-256, blocks of 4096 bytes, no salt (kernel
 * Documentation/filesystems/fsverity.rst, "File digest computation").  Runs of
 * zeros cost next to nothing.
 */
#ifndef DISK_DIGEST_H
#define DISK_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DIGEST_BYTES 32
#define DIGEST_BLOCK 4096
#define DIGEST_TEXT_MAX 72 /* "sha256:", 64 hex digits, NUL */

struct digest {
	unsigned char raw[DIGEST_BYTES];
};

/* One digest being made of a file's bytes from first to last. */
struct digester;

/* Returns owned (digester_free); EX_OSERR. */
int digester_new(struct digester **out, struct error *err);
void digester_free(struct digester *d);

/* Makes it ready for another file. */
void digester_reset(struct digester *d);

/* The next `len` bytes; any split of the file gives the same digest. */
int digester_data(struct digester *d, const void *buf, size_t len,
    struct error *err);

/* The next `len` bytes are zeros. */
int digester_zeros(struct digester *d, uint64_t len, struct error *err);

/*
 * Bytes that one hash block of the tree's second level speaks for: files can
 * be hashed in pieces of whole groups, side by side.
 */
#define DIGEST_GROUP (UINT64_C(128) * DIGEST_BLOCK)

/*
 * Copies the hashes of the groups that came since the reset to out[max]: whole
 * groups only, fewer than 128 of them.  Returns how many.
 */
size_t digester_groups(struct digest *out, size_t max,
    const struct digester *d);

/* The next `n` groups by their hashes; only whole groups came before. */
int digester_add_groups(struct digester *d, const struct digest *groups,
    size_t n, struct error *err);

/* The digest of all that came; the digester wants a reset afterwards. */
void digester_final(struct digester *d, struct digest *out);

/*
 * Digest of the first `size` bytes of `fd`, read by data extents; on several
 * threads where that pays.  EX_IOERR.  EX_DATAERR: shorter than `size`.
 */
int digest_file(struct digest *out, int fd, uint64_t size, const char *what,
    struct error *err);

/* "sha256:HEX" in out[DIGEST_TEXT_MAX], and back (EX_DATAERR; lower case). */
void digest_text(char *out, const struct digest *d);
int digest_parse(struct digest *out, const char *text, struct error *err);
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
