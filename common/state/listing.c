/* SPDX-License-Identifier: ISC */
#include "state/listing.h"

#include <stdio.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "state/refs.h"

static int
list_one(const struct listing *l, const struct root *root, const char *ref,
    struct table *table, struct error *err)
{
	json_t *record = NULL;
	int rc;

	if (l->report(&record, root, ref, l->arg, err) == -1)
		return -1;
	rc = l->as_table ? l->row(table, record, l->now, err)
			 : json_report(record, l->members, err);
	json_decref(record);
	return rc;
}

static int
list_all(const struct listing *l, const struct root *root,
    const struct strv *refs, struct table *table)
{
	struct error err = { 0 };
	int code = EX_OK;
	size_t i;

	for (i = 0; i < refs->n && sig_check(NULL) == 0; i++) {
		if (ferror(stdout))
			break;
		if (list_one(l, root, refs->v[i], table, &err) == 0)
			continue;
		/* Removed since its id was read: it is not there to list. */
		if (l->refs_n == 0 && err.code == EX_NOINPUT)
			continue;
		diag_failure(&code, &err);
	}
	return code;
}

int
listing_print(const struct listing *l, struct error *err)
{
	struct table table = { .heading = l->heading,
		.columns = l->columns,
		.right = l->right };
	struct strv refs = { 0 };
	struct root *root = NULL;
	int fd, rc = -1;

	if (root_open_to_read(&root, l->root, err) == -1)
		goto out;
	if (l->refs_n > 0 ? refs_read(&refs, l->refs, l->refs_n, l->allow_empty,
				err) == -1
			  : root_list(&refs, root, l->kind, err) == -1)
		goto out;
	fd = root_fd(root);
	if (l->enclosed && sandbox_enter(&fd, 1, err) == -1)
		goto out;
	rc = list_all(l, root, &refs, &table);
	if (sig_check(err) == -1 ||
	    (l->as_table && table_print(&table, err) == -1))
		rc = -1;
out:
	table_fini(&table);
	strv_fini(&refs);
	root_close(root);
	return rc;
}
