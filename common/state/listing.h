/* SPDX-License-Identifier: ISC */
/* Tools that print a record of each VM or snapshot, or a table of them. */
#ifndef STATE_LISTING_H
#define STATE_LISTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "base/table.h"
#include "state/filter.h"
#include "state/root.h"

struct listing {
	const char *root; /* -R, or NULL */
	enum root_kind kind;
	char *const *refs; /* borrowed; "-": references on stdin */
	size_t refs_n; /* 0: all there are */
	bool allow_empty; /* --allow-empty */
	const char *members; /* -p, or NULL */
	bool as_table;
	/* The member whose text orders them; NULL: as they are asked for. */
	const char *sort_by;
	bool descending; /* those without the member come last all the same */
	bool enclosed; /* nothing outside the root is needed */
	struct timespec now; /* for ages */
	struct filter *filter; /* what is left out; or NULL */
	/* The record (json_decref) of one.  Without locks that last. */
	int (*report)(json_t **record, const struct root *root, const char *ref,
	    void *arg, struct error *err);
	void *arg;
	/* The table's columns, and a record as its row. */
	const char *const *heading;
	size_t columns;
	unsigned right; /* as struct table has it */
	int (*row)(struct table *t, const json_t *record, time_t now,
	    struct error *err);
	/*
	 * Each record that is not left out; and, behind the last of them, what
	 * is to be said of all, into the table where there is one.  Both, or
	 * NULL; with `only_all` no record is printed.
	 */
	void (*count)(const json_t *record, void *arg);
	int (*all)(struct table *t, const struct listing *l, struct error *err);
	bool only_all;
};

/* An order that --sort names. */
struct listing_sort {
	const char *word, *member;
	bool descending;
};

/*
 * Sets the order: that of the row whose word `key` is.  Without `key` a table of
 * all there are is by the first row, and all else as asked for.  The last row
 * has no word; two have.  EX_USAGE: no such word.
 */
int listing_order(struct listing *l, const char *key,
    const struct listing_sort *rows, struct error *err);

/*
 * Prints all it can.  Failures are told by diag(); the first one's code is the
 * exit status that is returned, or EX_OK; -1 and *err for what ends it all.
 */
int listing_print(const struct listing *l, struct error *err);

#endif
