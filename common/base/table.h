/* SPDX-License-Identifier: ISC */
/* A table for people, printed when its widths are known. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

#define TABLE_COLUMNS_MAX 16 /* more would not fit a terminal */

struct table {
	const char *const *heading; /* one for each column, borrowed */
	size_t columns; /* at most TABLE_COLUMNS_MAX */
	unsigned right; /* bit c: column c is aligned to the right */
	char **cells; /* row by row */
	size_t n; /* cells */
};

/* Frees the cells. */
void table_fini(struct table *t);

/*
 * Appends the next cell of a row and takes `text` in any case; NULL means
 * that the caller had no memory for it.  EX_OSERR.
 */
int table_add(struct table *t, char *text, struct error *err);

/* Prints heading and rows on stdout; nothing without rows.  EX_IOERR. */
int table_print(const struct table *t, struct error *err);

/* Texts for cells, the caller's to free.  NULL: out of memory. */

/*
 * How long ago an RFC 3339 time was, in the largest unit of which there are
 * two: "45s", "3h", "12d".  "-" for NULL and what is no time.
 */
char *table_age(const char *since, time_t now);

/* Three digits at most and a unit: "512M", "1.5G". */
char *table_size(uint64_t bytes);

#endif
