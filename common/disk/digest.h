/* SPDX-License-Identifier: ISC */
/* A SHA-256 digest, most often the fs-verity digest of a file, and its text. */
#ifndef DISK_DIGEST_H
#define DISK_DIGEST_H

#include <stdbool.h>

#include "base/error.h"

#define DIGEST_BYTES 32
#define DIGEST_TEXT_MAX 72 /* "sha256:", 64 hex digits, NUL */

struct digest {
	unsigned char raw[DIGEST_BYTES];
};

/* "sha256:HEX" in out[DIGEST_TEXT_MAX], and back (EX_DATAERR; lower case). */
void digest_text(char *out, const struct digest *d);
int digest_parse(struct digest *out, const char *text, struct error *err);
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
