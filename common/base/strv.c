/* SPDX-License-Identifier: ISC */
#include "base/strv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
strv_fini(struct strv *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

int
strv_add(struct strv *list, struct error *err, const char *fmt, ...)
{
	char **grown, *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len == -1)
		return error_nomem(err, NULL);
	grown = realloc(list->v, (list->n + 2) * sizeof(*grown));
	if (grown == NULL) {
		free(text);
		return error_nomem(err, NULL);
	}
	grown[list->n++] = text;
	grown[list->n] = NULL;
	list->v = grown;
	return 0;
}

void
strv_cut(struct strv *list, size_t n)
{
	while (list->n > n) {
		free(list->v[--list->n]);
		list->v[list->n] = NULL;
	}
}

bool
strv_has(const struct strv *list, const char *text)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->v[i], text) == 0)
			return true;
	return false;
}
