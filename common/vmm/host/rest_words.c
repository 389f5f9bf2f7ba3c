/* SPDX-License-Identifier: ISC */
#include "vmm/host/rest_words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/jdoc.h"

#define WORDS_TEXT_MAX 65536 /* bytes looked at; the servers' own are < 1 KB */

/* A line under way. */
struct words {
	char *out;
	size_t cap, len;
};

/*
 * Adds the bytes, with a blank for control characters and the like, and no
 * blanks at the start or in a row.  What is not ASCII is taken as it is where
 * the parser has seen that it is UTF-8.
 */
static void
add_words(struct words *w, const char *text, size_t len, bool is_utf8)
{
	size_t i;
	char c;

	for (i = 0; i < len && w->len + 1 < w->cap; i++) {
		c = text[i];
		/* UTF-8's forms of U+0080 to U+009F: control characters. */
		if (is_utf8 && c == '\xc2' && i + 1 < len &&
		    (text[i + 1] & 0x60) == 0) {
			i++;
			c = ' ';
		} else if ((unsigned char)c <= 0x20 || c == 0x7f)
			c = ' ';
		else if (!is_utf8 && (c & 0x80) != 0)
			c = '?';
		if (c == ' ' && (w->len == 0 || w->out[w->len - 1] == ' '))
			continue;
		w->out[w->len++] = c;
	}
}

static void
add_string(struct words *w, const struct jdoc *d, uint32_t node)
{
	char *text;
	size_t len;

	if (node == 0 || jdoc_type(d, node) != JDOC_STRING)
		return;
	text = jdoc_string(d, node, &len);
	if (text == NULL)
		return;
	if (w->len > 0)
		add_words(w, ": ", 2, true);
	add_words(w, text, len, true);
	free(text);
}

/* A string, or those of an array. */
static void
add_value(struct words *w, const struct jdoc *d, uint32_t node)
{
	uint32_t i;

	add_string(w, d, node);
	if (node == 0 || jdoc_type(d, node) != JDOC_ARRAY)
		return;
	for (i = jdoc_first(d, node); i != 0; i = jdoc_next(d, i))
		add_string(w, d, i);
}

/* Ends the line: no half of a character at its end, and no blank. */
static void
finish(struct words *w)
{
	size_t tail = 0, want;
	unsigned char first;

	while (tail < w->len && tail < 3 &&
	    (w->out[w->len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	first = tail < w->len ? (unsigned char)w->out[w->len - 1 - tail] : 0;
	want = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
	if (tail < want)
		w->len -= tail + 1;
	while (w->len > 0 && w->out[w->len - 1] == ' ')
		w->len--;
	w->out[w->len] = '\0';
}

/* The body as JSON, raw control characters in its strings apart; or NULL. */
static struct jdoc *
parse(const char *text, size_t len)
{
	struct jdoc *d = NULL;
	char *copy;
	size_t i;

	copy = malloc(len + 1);
	if (copy == NULL)
		return NULL;
	for (i = 0; i < len; i++)
		copy[i] = (unsigned char)text[i] < 0x20 ? ' ' : text[i];
	if (jdoc_parse(&d, copy, len, NULL) == -1)
		d = NULL;
	free(copy);
	return d;
}

void
rest_words(char *out, size_t cap, const char *text, size_t len)
{
	struct words w = { .out = out, .cap = cap };
	struct jdoc *d = NULL;

	if (len > WORDS_TEXT_MAX)
		len = WORDS_TEXT_MAX;
	if (len > 0)
		d = parse(text, len);
	if (d != NULL) {
		add_value(&w, d, JDOC_ROOT);
		add_value(&w, d, jdoc_member(d, JDOC_ROOT, "fault_message"));
		add_value(&w, d, jdoc_member(d, JDOC_ROOT, "error"));
	}
	if (w.len == 0 && len > 0)
		add_words(&w, text, len, false);
	jdoc_free(d);
	finish(&w);
}
