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

/* Four digits; what is no digit has a bit beyond the six. */
static uint32_t
take_group(const unsigned char values[256], const char *text)
{
	uint32_t group = 0;
	size_t i;

	for (i = 0; i < 4; i++) {
		if (values[(unsigned char)text[i]] > 63)
			return UINT32_MAX;
		group = group << 6 | values[(unsigned char)text[i]];
	}
	return group;
}

ssize_t
base64_get(unsigned char *raw, const char *text, size_t n)
{
	unsigned char values[256];
	char last[4];
	uint32_t group;
	size_t i, pads = 0;
	unsigned char *to = raw;

	if (n % 4 != 0)
		return -1;
	memset(values, 64, sizeof(values));
	for (i = 0; i < 64; i++)
		values[(unsigned char)digits[i]] = (unsigned char)i;
	while (n > 0 && pads < 2 && text[n - 1 - pads] == '=')
		pads++;
	for (i = 0; i < n; i += 4) {
		memcpy(last, text + i, 4);
		if (i + 4 == n)
			memset(last + 4 - pads, 'A', pads);
		group = take_group(values, last);
		/* The bits of the pads, and those that no byte has. */
		if (group == UINT32_MAX ||
		    (i + 4 == n && (group & ((1u << 8 * pads) - 1)) != 0))
			return -1;
		*to++ = (unsigned char)(group >> 16);
		*to++ = (unsigned char)(group >> 8);
		*to++ = (unsigned char)group;
	}
	return to - raw - (ssize_t)pads;
}
