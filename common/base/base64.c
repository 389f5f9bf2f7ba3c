/* SPDX-License-Identifier: ISC */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_put(char *out, const unsigned char *raw, size_t n)
{
	uint32_t group; /* 24 bits: three bytes, or four digits */
	size_t i, left;

	for (i = 0; i < n; i += 3) {
		left = n - i;
		group = (uint32_t)raw[i] << 16;
		if (left > 1)
			group |= (uint32_t)raw[i + 1] << 8;
		if (left > 2)
			group |= raw[i + 2];
		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[group & 63] : '=';
	}
	*out = '\0';
}

bool
base64_get(unsigned char *out, size_t *n, const char *text)
{
	size_t len = strlen(text), pad, i, got = 0;
	uint32_t group = 0; /* the bits of up to four digits */
	const char *digit;

	pad = len - strcspn(text, "=");
	if (len % 4 != 0 || pad > 2 || strspn(text + len - pad, "=") != pad)
		return false;
	for (i = 0; i < len - pad; i++) {
		digit = strchr(digits, text[i]);
		if (digit == NULL)
			return false;
		group = group << 6 | (uint32_t)(digit - digits);
		if (i % 4 > 0)
			out[got++] = (unsigned char)(group >> (6 - i % 4 * 2) &
			    0xff);
	}
	*n = got;
	/* One pad leaves two bits of the last digit, two leave four. */
	return (group & ((1u << 2 * pad) - 1)) == 0;
}
