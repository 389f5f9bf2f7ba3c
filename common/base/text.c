/* SPDX-License-Identifier: ISC */
#include "base/text.h"

size_t
text_control(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (p[0] == '\0')
		return 0;
	if (p[0] < 0x20 || p[0] == 0x7f)
		return 1;
	return p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f ? 2 : 0;
}

void
text_clean(char *text)
{
	char *to = text;
	size_t n;

	while (*text != '\0') {
		n = text_control(text);
		*to++ = n == 0 ? *text : '?';
		text += n == 0 ? 1 : n;
	}
	*to = '\0';
}
