/* SPDX-License-Identifier: ISC */
#include "snapshot/trailer.h"

#include <stdio.h>
#include <string.h>

size_t
trailer_line(char *out, const struct digest *digest, const char *name)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, digest);
	return (
	    size_t)snprintf(out, TRAILER_LINE_MAX + 1, "%s %s\n", text, name);
}

int
trailer_next(struct digest *digest, char name[PATH_NAME_MAX + 1], size_t *pos,
    const char *text, size_t len, struct error *err)
{
	const char *at = text + *pos, *end;
	char hex[DIGEST_TEXT_MAX];
	size_t line, digits, rest;

	if (*pos == len)
		return 0;
	end = memchr(at, '\n', len - *pos);
	if (end == NULL)
		return error_set(err, EX_DATAERR, "byte %zu: line without end",
		    *pos);
	line = (size_t)(end - at);
	digits = 0;
	while (digits < line && at[digits] != ' ')
		digits++;
	rest = line - digits;
	if (digits >= sizeof(hex) || rest < 2 || rest - 1 > PATH_NAME_MAX)
		return error_set(err, EX_DATAERR,
		    "byte %zu: not a digest and a name", *pos);
	memcpy(hex, at, digits);
	hex[digits] = '\0';
	memcpy(name, at + digits + 1, rest - 1);
	name[rest - 1] = '\0';
	if (strlen(name) != rest - 1 || !path_is_name(name))
		return error_set(err, EX_DATAERR, "byte %zu: not a name", *pos);
	if (digest_parse(digest, hex, err) == -1)
		return error_wrap(err, "byte %zu", *pos);
	*pos += line + 1;
	return 1;
}
