/* SPDX-License-Identifier: ISC */
#include "url.h"

#include <string.h>

#include "base/path.h"

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
url_decode(char *out, size_t cap, const char *text, size_t len)
{
	size_t i, n = 0;
	int high, low;
	char c;

	for (i = 0; i < len; i++) {
		c = text[i];
		if (c == '%') {
			high = i + 1 < len ? digit(text[i + 1]) : -1;
			low = i + 2 < len ? digit(text[i + 2]) : -1;
			if (high == -1 || low == -1)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if ((unsigned char)c < ' ' || c == 127 || n + 1 >= cap)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return path_is_utf8(out, n);
}

bool
url_split(struct url *out, const char *path)
{
	const char *end;
	char *part;

	out->n = 0;
	while (path[0] == '/') {
		path++;
		end = strchrnul(path, '/');
		if (out->n == URL_PARTS_MAX)
			return false;
		part = out->part[out->n++];
		if (!url_decode(part, URL_PART_MAX, path,
			(size_t)(end - path)) ||
		    strchr(part, '/') != NULL || strcmp(part, ".") == 0 ||
		    strcmp(part, "..") == 0 ||
		    (part[0] == '\0' && end[0] != '\0'))
			return false;
		path = end;
	}
	return out->n > 0 && path[0] == '\0';
}
