/* SPDX-License-Identifier: ISC */
/* Snapshots as a table for people, printed when its widths are known. */
#ifndef SNAP_LS_TABLE_H
#define SNAP_LS_TABLE_H

#include <jansson.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"

#define TABLE_COLUMNS 6

struct table_row {
	char *cell[TABLE_COLUMNS];
};

struct table {
	struct table_row *rows; /* the first one is the heading */
	size_t n;
};

/* { 0 } is an empty table. */
void table_fini(struct table *t);

/* Adds a snapshot's record (state/snap).  EX_OSERR. */
int table_add(struct table *t, const json_t *record, time_t now,
    struct error *err);

/* Prints the heading and all rows on stdout.  EX_IOERR, EX_OSERR. */
int table_print(const struct table *t, struct error *err);

/* Seconds since 1970 of an RFC 3339 text; -1: none. */
time_t table_time(const char *text);

#endif
