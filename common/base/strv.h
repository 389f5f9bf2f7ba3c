/* SPDX-License-Identifier: ISC */
/* A growing list of strings, NULL at its end: argument vectors. */
#ifndef BASE_STRV_H
#define BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct strv {
	char **v; /* n strings and a NULL; NULL when n is 0 */
	size_t n;
};

/* { 0 } is an empty list.  Frees the strings; the list is empty afterwards. */
void strv_fini(struct strv *list);

/* Appends a formatted string.  EX_OSERR: out of memory. */
int strv_add(struct strv *list, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Frees what stands behind the first `n` strings. */
void strv_cut(struct strv *list, size_t n);

bool strv_has(const struct strv *list, const char *text);

#endif
