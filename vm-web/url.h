/* SPDX-License-Identifier: ISC */
/* What a peer names in its request: RFC 3986 paths, and names in them. */
#ifndef URL_H
#define URL_H

#include <stdbool.h>
#include <stddef.h>

#define URL_PARTS_MAX 8 /* components; ours have five at most */
#define URL_PART_MAX 256 /* bytes, with the NUL; PATH_NAME_MAX and one */

struct url {
	size_t n;
	char part[URL_PARTS_MAX]
		 [URL_PART_MAX]; /* decoded; the last may be "" */
};

/*
 * Decodes the `%XX` of text[len] into out[cap].  False: not such a text, or a
 * NUL or control character in it, not UTF-8, or too long.
 */
bool url_decode(char *out, size_t cap, const char *text, size_t len);

/*
 * Splits the raw path, which begins with a slash.  False: empty components but
 * the last, "." or "..", a slash in a component, or what url_decode() refuses.
 */
bool url_split(struct url *out, const char *path);

#endif
