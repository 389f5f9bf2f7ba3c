/* SPDX-License-Identifier: ISC */
/* What the parts of base/jdoc share; private to it. */
#ifndef BASE_JDOC_IMPL_H
#define BASE_JDOC_IMPL_H

#include "base/jdoc.h"

struct jdoc_node {
	enum jdoc_type type;
	bool touched; /* something beneath it was put or dropped */
	bool dropped, own_key;
	uint32_t parent, first, next;
	size_t start, end; /* of the value in the text */
	char *key; /* members: in jdoc.keys, or owned */
	char *put; /* the value in its place, or NULL; owned */
};

struct jdoc {
	char *text;
	size_t len;
	char *keys; /* the names as read, each with its NUL */
	size_t keys_len;
	struct jdoc_node *v; /* v[0] is none */
	uint32_t n, cap;
};

/* A new node beneath `parent`, in no list yet; 0: no memory, or too many. */
uint32_t jdoc_add(struct jdoc *d, uint32_t parent);

/*
 * Decodes the `len` bytes between the quotes of a good string to `to`, which
 * has room for as many.  Returns how many came of it.
 */
size_t jdoc_unescape(char *to, const char *from, size_t len);

/* `text` as a JSON string with its quotes, for the caller to free; or NULL. */
char *jdoc_quote(const char *text);

#endif
