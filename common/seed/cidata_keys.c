/* SPDX-License-Identifier: ISC */
/* Public keys of ssh, as authorized_keys has them: sshd(8). */
#include <string.h>

#include "base/path.h"
#include "seed/cidata.h"

#define KEY_LINE_MAX 16384 /* bytes; RSA of 16384 bits has 2800 */

/* How the kind of a key begins; its name in base64 begins with AAAA. */
static const char *const kinds[] = { "ssh-", "ecdsa-sha2-", "sk-ssh-",
	"sk-ecdsa-" };

/* Whether a kind, a blank and a key stand in it, perhaps behind options. */
static bool
is_key(const char *line)
{
	const char *p;
	size_t i, len;

	for (p = line; *p != '\0'; p++) {
		if (p != line && p[-1] != ' ' && p[-1] != '\t')
			continue;
		for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (strncmp(p, kinds[i], strlen(kinds[i])) != 0)
				continue;
			len = strcspn(p, " \t");
			len += strspn(p + len, " \t");
			if (strncmp(p + len, "AAAA", 4) == 0)
				return true;
		}
	}
	return false;
}

static bool
is_printable(const char *line)
{
	for (; *line != '\0'; line++)
		if (((unsigned char)*line < 0x20 && *line != '\t') ||
		    *line == 0x7f)
			return false;
	return true;
}

/* `len` bytes without the newline. */
static int
add_line(struct strv *keys, const char *line, size_t len, struct error *err)
{
	char copy[KEY_LINE_MAX + 1], *text = copy;

	if (len > KEY_LINE_MAX)
		return error_set(err, EX_DATAERR, "longer than %d bytes",
		    KEY_LINE_MAX);
	memcpy(copy, line, len);
	copy[len] = '\0';
	if (memchr(line, '\0', len) == NULL && len > 0 && text[len - 1] == '\r')
		text[--len] = '\0';
	text += strspn(text, " \t");
	if (text[0] == '#' || (text[0] == '\0' && text == copy + len))
		return 0;
	if (strlen(copy) != len || !path_is_utf8(copy, len) ||
	    !is_printable(copy) || !is_key(text))
		return error_set(err, EX_DATAERR, "not a public key of ssh");
	return strv_add(keys, err, "%s", text);
}

int
cidata_add_keys(struct strv *keys, const char *text, size_t len,
    const char *what, struct error *err)
{
	const char *end = text + len, *next;
	size_t number = 1;

	for (; text < end; text = next, number++) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (add_line(keys, text,
			(size_t)((next != NULL ? next : end) - text),
			err) == -1)
			return error_wrap(err, "%s: line %zu", what, number);
		next = next != NULL ? next + 1 : end;
	}
	return 0;
}

int
cidata_read_keys(struct strv *keys, const char *text, size_t len,
    const char *what, struct error *err)
{
	size_t before = keys->n;

	if (cidata_add_keys(keys, text, len, what, err) == -1)
		return -1;
	return keys->n > before
	    ? 0
	    : error_set(err, EX_NOINPUT, "%s: no public key in it", what);
}
