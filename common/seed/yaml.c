/* SPDX-License-Identifier: ISC */
#include "seed/yaml.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/path.h"

static bool
is_plain(const char *value)
{
	const char *p;

	for (p = value; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			return false;
	return true;
}

/* The code point at *p, in text that is known to be UTF-8; moves behind it. */
static uint32_t
take_point(const unsigned char **p)
{
	const unsigned char *s = *p;
	unsigned more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0;
	uint32_t point = more == 0 ? s[0] : s[0] & (0x3fu >> more);

	for (s++; more > 0; more--, s++)
		point = point << 6 | (*s & 0x3fu);
	*p = s;
	return point;
}

/* YAML 1.1, 5.6: \xHH, \uHHHH and \UHHHHHHHH. */
static void
put_escaped(FILE *to, const char *value)
{
	const unsigned char *p = (const unsigned char *)value;
	uint32_t point;

	putc('"', to);
	while (*p != '\0') {
		point = take_point(&p);
		if (point == '"' || point == '\\')
			fprintf(to, "\\%c", (char)point);
		else if (point >= 0x20 && point <= 0x7e)
			putc((int)point, to);
		else if (point <= 0xff)
			fprintf(to, "\\x%02" PRIx32, point);
		else if (point <= 0xffff)
			fprintf(to, "\\u%04" PRIx32, point);
		else
			fprintf(to, "\\U%08" PRIx32, point);
	}
	putc('"', to);
}

int
yaml_put(FILE *to, const char *value)
{
	if (!path_is_utf8(value, strlen(value)))
		return -1;
	if (!is_plain(value)) {
		put_escaped(to, value);
		return 0;
	}
	putc('\'', to);
	for (; *value != '\0'; value++) {
		if (*value == '\'')
			putc('\'', to);
		putc(*value, to);
	}
	putc('\'', to);
	return 0;
}
