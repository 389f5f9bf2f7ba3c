/* SPDX-License-Identifier: ISC */
/*
 * JSON text (RFC 8259) into nodes that know where they stand in it.  This half
 * knows nothing of the getters and putters that stand on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jdoc_impl.h"
#include "base/json.h"
#include "base/path.h"

struct parser {
	struct jdoc *d;
	size_t pos;
	unsigned depth;
	struct error *err;
};

static int
wrong(struct parser *p, const char *what)
{
	return error_set(p->err, EX_DATAERR, "not JSON: %s at byte %zu", what,
	    p->pos);
}

uint32_t
jdoc_add(struct jdoc *d, uint32_t parent)
{
	struct jdoc_node *v;
	uint32_t cap;

	if (d->n == d->cap) {
		cap = d->cap == 0 ? 256 : 2 * d->cap;
		if (cap > JDOC_NODES_MAX)
			return 0;
		v = realloc(d->v, cap * sizeof(*v));
		if (v == NULL)
			return 0;
		d->v = v;
		d->cap = cap;
	}
	memset(&d->v[d->n], 0, sizeof(d->v[0]));
	d->v[d->n].parent = parent;
	return d->n++;
}

/* The next byte, or 0 at the end: the text holds none. */
static char
peek(const struct parser *p)
{
	return p->d->text[p->pos];
}

static void
skip_blanks(struct parser *p)
{
	p->pos += strspn(p->d->text + p->pos, " \t\r\n");
}

static unsigned
hex4(const char *s)
{
	char digits[5];

	memcpy(digits, s, 4);
	digits[4] = '\0';
	return (unsigned)strtoul(digits, NULL, 16);
}

/* \uXXXX, with the second half of a pair behind it where it needs one. */
static int
scan_unicode(struct parser *p)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	const char *s = p->d->text + p->pos;
	unsigned code;

	if (strspn(s + 2, hex) < 4)
		return wrong(p, "bad escape");
	code = hex4(s + 2);
	p->pos += 6;
	if (code < 0xd800 || code > 0xdfff)
		return 0;
	s += 6;
	if (code > 0xdbff || s[0] != '\\' || s[1] != 'u' ||
	    strspn(s + 2, hex) < 4 || hex4(s + 2) < 0xdc00 ||
	    hex4(s + 2) > 0xdfff)
		return wrong(p, "half a pair");
	p->pos += 6;
	return 0;
}

static int
scan_string(struct parser *p)
{
	char c;

	if (peek(p) != '"')
		return wrong(p, "no string");
	for (p->pos++; (c = peek(p)) != '"';) {
		if ((unsigned char)c < 0x20)
			return wrong(p,
			    c == '\0' ? "string without end"
				      : "control character");
		if (c != '\\') {
			p->pos++;
			continue;
		}
		c = p->d->text[p->pos + 1];
		if (c == 'u') {
			if (scan_unicode(p) == -1)
				return -1;
			continue;
		}
		if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
			return wrong(p, "bad escape");
		p->pos += 2;
	}
	p->pos++;
	return 0;
}

static size_t
digits(struct parser *p)
{
	size_t n = strspn(p->d->text + p->pos, "0123456789");

	p->pos += n;
	return n;
}

static int
scan_number(struct parser *p)
{
	if (peek(p) == '-')
		p->pos++;
	if (peek(p) == '0')
		p->pos++;
	else if (digits(p) == 0)
		return wrong(p, "no value");
	if (peek(p) == '.') {
		p->pos++;
		if (digits(p) == 0)
			return wrong(p, "no digits");
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		p->pos++;
		if (peek(p) == '+' || peek(p) == '-')
			p->pos++;
		if (digits(p) == 0)
			return wrong(p, "no digits");
	}
	return 0;
}

static bool
take_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(p->d->text + p->pos, word, n) != 0)
		return false;
	p->pos += n;
	return true;
}

/* One UTF-8 character of up to four bytes; how many. */
static size_t
put_code(char *to, unsigned code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t
jdoc_unescape(char *to, const char *from, size_t len)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	const char *end = from + len, *name;
	char *start = to;
	unsigned code;

	while (from < end) {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		from++;
		if (*from != 'u') {
			name = strchr(names, *from);
			*to++ = name == NULL ? *from : values[name - names];
			from++;
			continue;
		}
		code = hex4(from + 1);
		from += 5;
		if (code >= 0xd800 && code <= 0xdfff) {
			code = 0x10000 + ((code & 0x3ff) << 10) +
			    (hex4(from + 2) & 0x3ff);
			from += 6;
		}
		to += put_code(to, code);
	}
	return (size_t)(to - start);
}

char *
jdoc_quote(const char *text)
{
	/* \u00XX is the longest that a byte becomes. */
	char *out = malloc(6 * strlen(text) + 3), *to = out;

	if (out == NULL)
		return NULL;
	*to++ = '"';
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20)
			to += snprintf(to, 7, "\\u%04x", (unsigned)*text);
		else {
			if (*text == '"' || *text == '\\')
				*to++ = '\\';
			*to++ = *text;
		}
	}
	*to++ = '"';
	*to = '\0';
	return out;
}

/* A member's name into d->keys; none of its siblings, from `first` on, has it. */
static int
scan_key(struct parser *p, char **out, uint32_t first)
{
	struct jdoc *d = p->d;
	char *key = d->keys + d->keys_len;
	size_t start = p->pos + 1, len;
	uint32_t i, n = 0;

	if (scan_string(p) == -1)
		return -1;
	len = jdoc_unescape(key, d->text + start, p->pos - 1 - start);
	key[len] = '\0';
	if (strlen(key) != len)
		return wrong(p, "NUL in a name");
	for (i = first; i != 0; i = d->v[i].next) {
		if (++n >= JDOC_MEMBERS_MAX)
			return wrong(p, "too many members");
		if (strcmp(d->v[i].key, key) == 0)
			return error_set(p->err, EX_DATAERR,
			    "not JSON: member \"%s\" a second time", key);
	}
	d->keys_len += len + 1;
	*out = key;
	skip_blanks(p);
	if (peek(p) != ':')
		return wrong(p, "no colon");
	p->pos++;
	return 0;
}

static uint32_t scan_value(struct parser *p, uint32_t parent);

/* What stands in an array or object, up to its end. */
static int
scan_entries(struct parser *p, uint32_t node, bool obj)
{
	uint32_t last = 0, entry;
	char *key = NULL;

	p->pos++;
	skip_blanks(p);
	if (peek(p) == (obj ? '}' : ']')) {
		p->pos++;
		return 0;
	}
	for (;;) {
		skip_blanks(p);
		if (obj && scan_key(p, &key, p->d->v[node].first) == -1)
			return -1;
		entry = scan_value(p, node);
		if (entry == 0)
			return -1;
		p->d->v[entry].key = key;
		if (last == 0)
			p->d->v[node].first = entry;
		else
			p->d->v[last].next = entry;
		last = entry;
		skip_blanks(p);
		if (peek(p) == (obj ? '}' : ']'))
			break;
		if (peek(p) != ',')
			return wrong(p, "no comma");
		p->pos++;
	}
	p->pos++;
	return 0;
}

/* A value; 0: it is none, and p->err says why. */
static uint32_t
scan_value(struct parser *p, uint32_t parent)
{
	enum jdoc_type type;
	uint32_t node;
	int rc;

	skip_blanks(p);
	node = jdoc_add(p->d, parent);
	if (node == 0) {
		wrong(p, "too many values");
		return 0;
	}
	p->d->v[node].start = p->pos;
	if (peek(p) == '{' || peek(p) == '[') {
		if (++p->depth > JSON_DEPTH_MAX) {
			error_set(p->err, EX_DATAERR,
			    "JSON nested deeper than %d levels",
			    JSON_DEPTH_MAX);
			return 0;
		}
		type = peek(p) == '{' ? JDOC_OBJECT : JDOC_ARRAY;
		rc = scan_entries(p, node, type == JDOC_OBJECT);
		p->depth--;
	} else if (peek(p) == '"') {
		type = JDOC_STRING;
		rc = scan_string(p);
	} else if (take_word(p, "null")) {
		type = JDOC_NULL;
		rc = 0;
	} else if (take_word(p, "true") || take_word(p, "false")) {
		type = JDOC_BOOL;
		rc = 0;
	} else {
		type = JDOC_NUMBER;
		rc = scan_number(p);
	}
	p->d->v[node].type = type;
	p->d->v[node].end = p->pos;
	return rc == -1 ? 0 : node;
}

static int
parse(struct jdoc *d, struct error *err)
{
	struct parser p = { .d = d, .err = err };

	if (!path_is_utf8(d->text, d->len))
		return error_set(err, EX_DATAERR,
		    "not JSON: not UTF-8, or a NUL in it");
	/* Node 0 is none. */
	jdoc_add(d, 0);
	if (d->n == 0)
		return error_nomem(err, NULL);
	if (scan_value(&p, 0) == 0)
		return -1;
	skip_blanks(&p);
	return p.pos == d->len ? 0 : wrong(&p, "text behind the value");
}

void
jdoc_free(struct jdoc *d)
{
	uint32_t i;

	if (d == NULL)
		return;
	for (i = 1; i < d->n; i++) {
		free(d->v[i].put);
		if (d->v[i].own_key)
			free(d->v[i].key);
	}
	free(d->v);
	free(d->keys);
	/* It may have been secrets, also where it was no JSON. */
	if (d->text != NULL)
		explicit_bzero(d->text, d->len);
	free(d->text);
	free(d);
}

int
jdoc_parse(struct jdoc **out, const char *text, size_t len, struct error *err)
{
	struct jdoc *d = calloc(1, sizeof(*d));

	if (d != NULL) {
		d->len = len;
		d->text = malloc(len + 1);
		d->keys = malloc(len + 1);
	}
	if (d == NULL || d->text == NULL || d->keys == NULL) {
		jdoc_free(d);
		return error_nomem(err, NULL);
	}
	memcpy(d->text, text, len);
	d->text[len] = '\0';
	if (parse(d, err) == -1) {
		jdoc_free(d);
		return -1;
	}
	*out = d;
	return 0;
}
