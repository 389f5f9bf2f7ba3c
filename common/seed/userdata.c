/* SPDX-License-Identifier: ISC */
#include "seed/userdata.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "seed/cidata_impl.h"

#define SHOWN 40 /* bytes of a line in a message */

/* "#cloud-config" begins -archive and -jsonp, too, and "#include" -once. */
static const char *const heads[] = { "#cloud-config", "#!", "#include",
	"#cloud-boothook", "#part-handler", "## template: jinja",
	"#upstart-job" };

static const char mark[] = "\xef\xbb\xbf";

/* As Python's str.lstrip() has it, of ASCII. */
static bool
is_space(char c)
{
	return (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= ' ');
}

static bool
begins(const char *text, size_t len, const char *head)
{
	size_t n = strlen(head);

	return len >= n && strncasecmp(text, head, n) == 0;
}

static void
first_line(char out[SHOWN + 1], const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < SHOWN; i++) {
		if (text[i] == '\n' || text[i] == '\r')
			break;
		out[i] = text[i];
		if (text[i] < ' ' || text[i] > '~')
			out[i] = '?';
	}
	out[i] = '\0';
}

bool
userdata_doubt(char out[USERDATA_DOUBT_MAX], const char *text, size_t len)
{
	const struct cidata_text all = { text, len };
	char line[SHOWN + 1];
	size_t off = 0, number = 1, i;

	if (cidata_is_gzip(&all) || cidata_is_mime(&all))
		return false;
	for (; off < len && is_space(text[off]); off++)
		number += text[off] == '\n';
	if (off == len)
		return false;
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (begins(text + off, len - off, heads[i]))
			return false;
	if (begins(text + off, len - off, mark)) {
		snprintf(out, USERDATA_DOUBT_MAX,
		    "line %zu: begins with a byte order mark: cloud-init will "
		    "ignore the file",
		    number);
		return true;
	}
	first_line(line, text + off, len - off);
	snprintf(out, USERDATA_DOUBT_MAX,
	    "line %zu: \"%s\": cloud-init will ignore the file: its first line "
	    "is to begin with #cloud-config, #! or the like",
	    number, line);
	return true;
}
