/* SPDX-License-Identifier: ISC */
#include "base/jdoc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/jdoc_impl.h"
#include "base/json.h"
#include "base/num.h"

int
jdoc_read(struct jdoc **out, int dirfd, const char *name, size_t max,
    struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (fd_slurp(&text, &len, dirfd, name, max, err) == -1)
		return -1;
	rc = jdoc_parse(out, text, len, err);
	free(text);
	return rc == -1 ? error_wrap(err, "%s", name) : 0;
}

enum jdoc_type
jdoc_type(const struct jdoc *d, uint32_t node)
{
	return d->v[node].type;
}

/* The member of that name, null or not; 0: none. */
static uint32_t
find(const struct jdoc *d, uint32_t obj, const char *key)
{
	uint32_t i;

	if (obj == 0 || d->v[obj].type != JDOC_OBJECT)
		return 0;
	for (i = d->v[obj].first; i != 0; i = d->v[i].next)
		if (!d->v[i].dropped && strcmp(d->v[i].key, key) == 0)
			return i;
	return 0;
}

uint32_t
jdoc_member(const struct jdoc *d, uint32_t obj, const char *key)
{
	uint32_t node = find(d, obj, key);

	return d->v[node].type == JDOC_NULL ? 0 : node;
}

/* `node`, or the next of its siblings that was not dropped. */
static uint32_t
skip_dropped(const struct jdoc *d, uint32_t node)
{
	while (node != 0 && d->v[node].dropped)
		node = d->v[node].next;
	return node;
}

uint32_t
jdoc_first(const struct jdoc *d, uint32_t node)
{
	return skip_dropped(d, d->v[node].first);
}

uint32_t
jdoc_next(const struct jdoc *d, uint32_t node)
{
	return skip_dropped(d, d->v[node].next);
}

const char *
jdoc_key(const struct jdoc *d, uint32_t node)
{
	return d->v[node].key;
}

/* The member `key`: 1 there, 0 absent and optional, -1 neither. */
static int
want(uint32_t *node, const struct jdoc *d, uint32_t obj, const char *key,
    unsigned flags, struct error *err)
{
	if (obj == 0 || d->v[obj].type != JDOC_OBJECT)
		return error_set(err, EX_DATAERR, "not an object");
	*node = jdoc_member(d, obj, key);
	if (*node != 0)
		return 1;
	if ((flags & JSON_REQUIRED) != 0)
		return error_set(err, EX_DATAERR, "no member \"%s\"", key);
	return 0;
}

int
jdoc_get_u64(const struct jdoc *d, uint32_t obj, const char *key, uint64_t *out,
    uint64_t min, uint64_t max, unsigned flags, struct error *err)
{
	char text[32];
	uint32_t node;
	uint64_t n;
	size_t len;
	int found;

	found = want(&node, d, obj, key, flags, err);
	if (found != 1)
		return found;
	len = d->v[node].end - d->v[node].start;
	if (d->v[node].type != JDOC_NUMBER || len >= sizeof(text))
		return error_set(err, EX_DATAERR, "\"%s\" is not an integer",
		    key);
	memcpy(text, d->text + d->v[node].start, len);
	text[len] = '\0';
	if (strspn(text, "-0123456789") != len)
		return error_set(err, EX_DATAERR, "\"%s\" is not an integer",
		    key);
	if (num_u64(&n, text, min, max, NULL) == -1)
		return error_set(err, EX_DATAERR,
		    "\"%s\" is %s, not within %" PRIu64 " and %" PRIu64, key,
		    text, min, max);
	*out = n;
	return 0;
}

int
jdoc_get_bool(const struct jdoc *d, uint32_t obj, const char *key, bool *out,
    unsigned flags, struct error *err)
{
	uint32_t node;
	int found;

	found = want(&node, d, obj, key, flags, err);
	if (found != 1)
		return found;
	if (d->v[node].type != JDOC_BOOL)
		return error_set(err, EX_DATAERR, "\"%s\" is not true or false",
		    key);
	*out = d->text[d->v[node].start] == 't';
	return 0;
}

char *
jdoc_string(const struct jdoc *d, uint32_t node, size_t *len)
{
	const struct jdoc_node *v = &d->v[node];
	char *text = malloc(v->end - v->start);

	if (text == NULL)
		return NULL;
	/* Without its quotes; what is decoded is never longer. */
	*len = jdoc_unescape(text, d->text + v->start + 1,
	    v->end - v->start - 2);
	text[*len] = '\0';
	return text;
}

/* The string `key` of at most `max` bytes, *out owned; results as want(). */
static int
want_string(char **out, const struct jdoc *d, uint32_t obj, const char *key,
    size_t max, unsigned flags, struct error *err)
{
	uint32_t node;
	size_t len;
	char *text;
	int found;

	found = want(&node, d, obj, key, flags, err);
	if (found != 1)
		return found;
	if (d->v[node].type != JDOC_STRING)
		return error_set(err, EX_DATAERR, "\"%s\" is not a string",
		    key);
	text = jdoc_string(d, node, &len);
	if (text == NULL)
		return error_nomem(err, NULL);
	if (len > max) {
		free(text);
		return error_set(err, EX_DATAERR,
		    "\"%s\" is longer than %zu bytes", key, max);
	}
	if (strlen(text) != len) {
		free(text);
		return error_set(err, EX_DATAERR, "\"%s\" holds a NUL", key);
	}
	*out = text;
	return 1;
}

int
jdoc_get_str(const struct jdoc *d, uint32_t obj, const char *key, char *out,
    size_t cap, unsigned flags, struct error *err)
{
	char *text = NULL;
	int found = want_string(&text, d, obj, key, cap - 1, flags, err);

	if (found == 1)
		memcpy(out, text, strlen(text) + 1);
	free(text);
	return found == -1 ? -1 : 0;
}

int
jdoc_get_strdup(const struct jdoc *d, uint32_t obj, const char *key, char **out,
    size_t max, unsigned flags, struct error *err)
{
	return want_string(out, d, obj, key, max, flags, err) == -1 ? -1 : 0;
}

int
jdoc_get_object(const struct jdoc *d, uint32_t obj, const char *key,
    uint32_t *out, unsigned flags, struct error *err)
{
	uint32_t node;
	int found;

	*out = 0;
	found = want(&node, d, obj, key, flags, err);
	if (found != 1)
		return found;
	if (d->v[node].type != JDOC_OBJECT)
		return error_set(err, EX_DATAERR, "\"%s\" is not an object",
		    key);
	*out = node;
	return 0;
}

int
jdoc_get_array(const struct jdoc *d, uint32_t obj, const char *key,
    uint32_t *out, size_t max, unsigned flags, struct error *err)
{
	uint32_t node, i;
	size_t n = 0;
	int found;

	*out = 0;
	found = want(&node, d, obj, key, flags, err);
	if (found != 1)
		return found;
	if (d->v[node].type != JDOC_ARRAY)
		return error_set(err, EX_DATAERR, "\"%s\" is not an array",
		    key);
	for (i = jdoc_first(d, node); i != 0; i = jdoc_next(d, i))
		n++;
	if (n > max)
		return error_set(err, EX_DATAERR,
		    "\"%s\" has more than %zu entries", key, max);
	*out = node;
	return 0;
}

/* What holds the node is to be written anew. */
static void
touch(struct jdoc *d, uint32_t node)
{
	for (; node != 0; node = d->v[node].parent)
		d->v[node].touched = true;
}

/* Appends a member without a value; 0: no memory. */
static uint32_t
append(struct jdoc *d, uint32_t obj, const char *key)
{
	uint32_t node = jdoc_add(d, obj), *at;

	if (node == 0)
		return 0;
	d->v[node].key = strdup(key);
	if (d->v[node].key == NULL)
		return 0;
	d->v[node].own_key = true;
	at = &d->v[obj].first;
	while (*at != 0)
		at = &d->v[*at].next;
	*at = node;
	return node;
}

int
jdoc_put(struct jdoc *d, uint32_t obj, const char *key, const char *json,
    struct error *err)
{
	uint32_t node = find(d, obj, key);
	char *copy = strdup(json);

	if (copy != NULL && node == 0)
		node = append(d, obj, key);
	if (copy == NULL || node == 0) {
		free(copy);
		return error_nomem(err, NULL);
	}
	free(d->v[node].put);
	d->v[node].put = copy;
	touch(d, obj);
	return 0;
}

int
jdoc_put_str(struct jdoc *d, uint32_t obj, const char *key, const char *text,
    struct error *err)
{
	char *json = jdoc_quote(text);
	int rc;

	if (json == NULL)
		return error_nomem(err, NULL);
	rc = jdoc_put(d, obj, key, json, err);
	free(json);
	return rc;
}

int
jdoc_put_bool(struct jdoc *d, uint32_t obj, const char *key, bool value,
    struct error *err)
{
	return jdoc_put(d, obj, key, value ? "true" : "false", err);
}

void
jdoc_drop(struct jdoc *d, uint32_t node)
{
	d->v[node].dropped = true;
	touch(d, d->v[node].parent);
}

static int
write_node(FILE *to, const struct jdoc *d, uint32_t node)
{
	const struct jdoc_node *v = &d->v[node];
	bool obj = v->type == JDOC_OBJECT;
	uint32_t i, first;
	char *key;

	if (v->put != NULL)
		return fputs(v->put, to) == EOF ? -1 : 0;
	if (!v->touched)
		return fwrite(d->text + v->start, 1, v->end - v->start, to) ==
			v->end - v->start
		    ? 0
		    : -1;
	fputc(obj ? '{' : '[', to);
	first = skip_dropped(d, v->first);
	for (i = first; i != 0; i = skip_dropped(d, d->v[i].next)) {
		if (i != first)
			fputc(',', to);
		if (obj) {
			key = jdoc_quote(d->v[i].key);
			if (key == NULL)
				return -1;
			fprintf(to, "%s:", key);
			free(key);
		}
		if (write_node(to, d, i) == -1)
			return -1;
	}
	return fputc(obj ? '}' : ']', to) == EOF ? -1 : 0;
}

int
jdoc_text(char **out, size_t *len, const struct jdoc *d, struct error *err)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	int rc;

	if (to == NULL)
		return error_nomem(err, NULL);
	rc = write_node(to, d, JDOC_ROOT);
	if (fclose(to) == EOF || rc == -1) {
		free(text);
		return error_nomem(err, NULL);
	}
	*out = text;
	if (len != NULL)
		*len = n;
	return 0;
}
