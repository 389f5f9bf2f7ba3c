/* SPDX-License-Identifier: ISC */
#include "disk/digest.h"

#include <string.h>

#include "base/hex.h"

#define DIGEST_PREFIX "sha256:"

void
digest_text(char *out, const struct digest *d)
{
	memcpy(out, DIGEST_PREFIX, sizeof(DIGEST_PREFIX));
	hex_put(out + sizeof(DIGEST_PREFIX) - 1, d->raw, DIGEST_BYTES);
}

/* The value of a lower-case hexadecimal digit, or -1. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
digest_parse(struct digest *out, const char *text, struct error *err)
{
	const char *p = text + sizeof(DIGEST_PREFIX) - 1;
	struct digest d;
	int high, low;
	size_t i;

	if (strncmp(text, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1) != 0 ||
	    strlen(p) != (size_t)2 * DIGEST_BYTES)
		return error_set(err, EX_DATAERR, "%.80s: not a digest", text);
	for (i = 0; i < DIGEST_BYTES; i++) {
		high = hex_value(p[2 * i]);
		low = hex_value(p[2 * i + 1]);
		if (high == -1 || low == -1)
			return error_set(err, EX_DATAERR, "%.80s: not a digest",
			    text);
		d.raw[i] = (unsigned char)(high << 4 | low);
	}
	*out = d;
	return 0;
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->raw, b->raw, DIGEST_BYTES) == 0;
}
