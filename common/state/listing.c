/* SPDX-License-Identifier: ISC */
#include "state/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "state/refs.h"

/* What is printed, or kept to be sorted first. */
struct lines {
	const struct listing *l;
	struct table table;
	json_t **v;
	size_t n, cap;
};

static int
print_one(struct lines *lines, const json_t *record, struct error *err)
{
	const struct listing *l = lines->l;

	if (l->count != NULL)
		l->count(record, l->arg);
	if (l->only_all)
		return 0;
	return l->as_table ? l->row(&lines->table, record, l->now.tv_sec, err)
			   : json_report(record, l->members, err);
}

/* Takes the record. */
static int
keep_one(struct lines *lines, json_t *record, struct error *err)
{
	size_t cap = lines->cap == 0 ? 64 : lines->cap * 2;
	json_t **v = lines->v;

	if (lines->n == lines->cap) {
		v = realloc(v, cap * sizeof(json_t *));
		if (v == NULL) {
			json_decref(record);
			return error_nomem(err, NULL);
		}
		lines->v = v;
		lines->cap = cap;
	}
	lines->v[lines->n++] = record;
	return 0;
}

static int
compare(const void *a, const void *b, void *arg)
{
	const struct listing *l = arg;
	const json_t *const *first = a, *const *second = b;
	const char *x = json_string_value(json_object_get(*first, l->sort_by));
	const char *y = json_string_value(json_object_get(*second, l->sort_by));
	bool has_x = x != NULL && x[0] != '\0',
	     has_y = y != NULL && y[0] != '\0';
	int by = 0;

	if (has_x != has_y)
		return has_x ? -1 : 1;
	if (has_x)
		by = l->descending ? strcmp(y, x) : strcmp(x, y);
	if (by != 0)
		return by;
	x = json_string_value(json_object_get(*first, "id"));
	y = json_string_value(json_object_get(*second, "id"));
	return x == NULL || y == NULL ? 0 : strcmp(x, y);
}

static int
list_one(struct lines *lines, const struct root *root, const char *ref,
    struct error *err)
{
	const struct listing *l = lines->l;
	json_t *record = NULL;
	int rc;

	if (l->report(&record, root, ref, l->arg, err) == -1)
		return -1;
	if (l->filter != NULL && !filter_fits(l->filter, record, &l->now)) {
		json_decref(record);
		return 0;
	}
	if (l->sort_by != NULL)
		return keep_one(lines, record, err);
	rc = print_one(lines, record, err);
	json_decref(record);
	return rc;
}

static void
print_sorted(struct lines *lines, int *code)
{
	struct listing l = *lines->l;
	struct error err = { 0 };
	size_t i;

	if (lines->n > 0)
		qsort_r(lines->v, lines->n, sizeof(lines->v[0]), compare, &l);
	for (i = 0; i < lines->n && sig_check(NULL) == 0; i++) {
		if (ferror(stdout))
			break;
		if (print_one(lines, lines->v[i], &err) == -1)
			diag_failure(code, &err);
	}
}

static int
list_all(struct lines *lines, const struct root *root, const struct strv *refs)
{
	struct error err = { 0 };
	int code = EX_OK;
	size_t i;

	for (i = 0; i < refs->n && sig_check(NULL) == 0; i++) {
		if (ferror(stdout))
			break;
		if (list_one(lines, root, refs->v[i], &err) == 0)
			continue;
		/* Removed since its id was read: it is not there to list. */
		if (lines->l->refs_n == 0 && err.code == EX_NOINPUT)
			continue;
		diag_failure(&code, &err);
	}
	print_sorted(lines, &code);
	if (lines->l->all != NULL && sig_check(NULL) == 0 &&
	    lines->l->all(&lines->table, lines->l, &err) == -1)
		diag_failure(&code, &err);
	return code;
}

static void
lines_fini(struct lines *lines)
{
	table_fini(&lines->table);
	while (lines->n > 0)
		json_decref(lines->v[--lines->n]);
	free(lines->v);
}

int
listing_order(struct listing *l, const char *key,
    const struct listing_sort *rows, struct error *err)
{
	size_t i = 0;

	if (key == NULL && (!l->as_table || l->refs_n > 0))
		return 0;
	while (key != NULL && rows[i].word != NULL &&
	    strcmp(rows[i].word, key) != 0)
		i++;
	if (rows[i].word == NULL)
		return error_set(err, EX_USAGE, "--sort: %s: not %s or %s", key,
		    rows[0].word, rows[1].word);
	l->sort_by = rows[i].member;
	l->descending = rows[i].descending;
	return 0;
}

int
listing_print(const struct listing *l, struct error *err)
{
	struct lines lines = { .l = l,
		.table = { .heading = l->heading,
		    .columns = l->columns,
		    .right = l->right } };
	struct strv refs = { 0 };
	struct root *root = NULL;
	int found = 1, fd, rc = -1; /* 1: nothing to list */

	if (l->refs_n > 0 &&
	    refs_read(&refs, l->refs, l->refs_n, l->allow_empty, err) == -1)
		goto out;
	if (l->refs_n == 0)
		found = root_open_to_list(&root, l->root, err);
	else if (refs.n > 0)
		found = root_open_to_read(&root, l->root, err);
	if (found == 1) {
		rc = l->all == NULL ? EX_OK : l->all(&lines.table, l, err);
		if (rc == EX_OK && l->as_table)
			rc = table_print(&lines.table, err);
	}
	if (found != 0)
		goto out;
	if ((l->filter != NULL && filter_resolve(l->filter, root, err) == -1) ||
	    (l->refs_n == 0 && root_list(&refs, root, l->kind, err) == -1))
		goto out;
	fd = root_fd(root);
	if (l->enclosed && sandbox_enter(&fd, 1, err) == -1)
		goto out;
	rc = list_all(&lines, root, &refs);
	if (sig_check(err) == -1 ||
	    (l->as_table && table_print(&lines.table, err) == -1))
		rc = -1;
out:
	lines_fini(&lines);
	strv_fini(&refs);
	root_close(root);
	return rc;
}
