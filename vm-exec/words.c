/* SPDX-License-Identifier: ISC */
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

static int
check_text(const char *text, struct error *err)
{
	return path_is_utf8(text, strlen(text))
	    ? 0
	    : error_set(err, EX_USAGE,
		  "%s: not UTF-8, which a guest's agent cannot be told", text);
}

/*
 * 'cd -- "$1" || exit 126; export "$2" "$3"; shift 3; exec "$@"': what was given
 * is never a part of it.
 */
static char *
make_script(const struct opts *o)
{
	size_t n = o->env.n + (o->cwd != NULL), cap = 128 + 32 * n, len = 0, i;
	char *text = malloc(cap);

	if (text == NULL)
		return NULL;
	if (o->cwd != NULL)
		len += (size_t)snprintf(text + len, cap - len,
		    "cd -- \"$1\" || exit 126; ");
	if (o->env.n > 0)
		len += (size_t)snprintf(text + len, cap - len, "export");
	for (i = n - o->env.n; i < n; i++)
		len += (size_t)snprintf(text + len, cap - len, " \"${%zu}\"",
		    i + 1);
	if (o->env.n > 0)
		len += (size_t)snprintf(text + len, cap - len, "; ");
	snprintf(text + len, cap - len, "shift %zu; exec \"$@\"", n);
	return text;
}

static int
add_shell(struct strv *out, const struct opts *o, struct error *err)
{
	char *script = make_script(o);
	size_t i;
	int rc = -1;

	if (script == NULL)
		return error_nomem(err, NULL);
	if (strv_add(out, err, "/bin/sh") == 0 &&
	    strv_add(out, err, "-c") == 0 &&
	    strv_add(out, err, "%s", script) == 0 &&
	    strv_add(out, err, "sh") == 0 &&
	    (o->cwd == NULL || strv_add(out, err, "%s", o->cwd) == 0))
		rc = 0;
	free(script);
	for (i = 0; rc == 0 && i < o->env.n; i++)
		rc = strv_add(out, err, "%s", o->env.v[i]);
	return rc;
}

int
words_make(struct strv *out, const struct opts *o, struct error *err)
{
	struct strv words = { 0 };
	char *const *word;
	size_t i;
	int rc = 0;

	if (o->cwd != NULL || o->env.n > 0)
		rc = add_shell(&words, o, err);
	for (word = o->command; rc == 0 && *word != NULL; word++)
		rc = strv_add(&words, err, "%s", *word);
	for (i = 0; rc == 0 && i < words.n; i++)
		rc = check_text(words.v[i], err);
	if (rc == -1) {
		strv_fini(&words);
		return -1;
	}
	*out = words;
	return 0;
}
