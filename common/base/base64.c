/* SPDX-License-Identifier: ISC */
#include "base/base64.h"

#include <stdint.h>

void
base64_put(char *out, const unsigned char *raw, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
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
