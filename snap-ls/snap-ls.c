/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "base/table.h"
#include "state/refs.h"
#include "state/root.h"
#include "state/snap.h"

#include "exclusive.h"
#include "row.h"

struct opts {
	struct opt_common common;
	bool table, exclusive;
	const char *members;
	char *const *refs;
	size_t refs_n;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-ls [-q] [-R dir] [-t | --table] [--exclusive]\n"
	    "           [-p member,...] [snapshot ...]\n");
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG,
		{ "table", no_argument, NULL, 't' },
		{ "exclusive", no_argument, NULL, OPT_OWN },
		{ NULL, 0, NULL, 0 } };
	const char *letters = OPT_SHORT "tp:";
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, letters, longopts, NULL)) != -1) {
		if (ch == 't')
			o->table = true;
		else if (ch == OPT_OWN)
			o->exclusive = true;
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	o->refs = argv + optind;
	o->refs_n = (size_t)(argc - optind);
	if (rc == 0 && o->table && o->members != NULL)
		return opt_wrong("-t and -p exclude each other");
	return rc;
}

static int
list_one(const struct opts *o, const struct root *root, const char *ref,
    struct table *table, struct error *err)
{
	struct snap *snap = NULL;
	json_t *record = NULL;
	int rc = -1;

	if (snap_open(&snap, root, ref, err) == -1 ||
	    snap_report(&record, snap, root, err) == -1)
		goto out;
	if (o->exclusive && exclusive_put(record, snap, err) == -1)
		goto out;
	rc = o->table ? row_add(table, record, time(NULL), err)
		      : json_report(record, o->members, err);
out:
	json_decref(record);
	snap_close(snap);
	return rc;
}

/* Lists all it can, tells each failure, and returns the code of the first. */
static int
list_all(const struct opts *o, const struct root *root, const struct strv *refs,
    struct table *table)
{
	struct error err = { 0 };
	int code = EX_OK;
	size_t i;

	for (i = 0; i < refs->n && sig_check(NULL) == 0 && !ferror(stdout);
	     i++) {
		if (list_one(o, root, refs->v[i], table, &err) == 0)
			continue;
		/* Removed since its id was read: it is not there to list. */
		if (o->refs_n == 0 && err.code == EX_NOINPUT)
			continue;
		diag("%s", err.msg);
		code = code == EX_OK ? err.code : code;
	}
	return code;
}

/* The exit status, or -1 and *err. */
static int
run(const struct opts *o, struct error *err)
{
	struct table table = { .heading = row_heading,
		.columns = ROW_COLUMNS,
		.right = ROW_RIGHT };
	struct strv refs = { 0 };
	struct root *root = NULL;
	int fd, rc = -1;

	if (root_open(&root, o->common.root, err) == -1)
		goto out;
	if (o->refs_n > 0 ? refs_read(&refs, o->refs, o->refs_n, err) == -1
			  : root_list(&refs, root, ROOT_SNAP, err) == -1)
		goto out;
	fd = root_fd(root);
	if (sandbox_enter(&fd, 1, err) == -1)
		goto out;
	rc = list_all(o, root, &refs, &table);
	if (sig_check(err) == -1 ||
	    (o->table && table_print(&table, err) == -1))
		rc = -1;
out:
	table_fini(&table);
	strv_fini(&refs);
	root_close(root);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int status;

	sig_setup();
	status = parse_opts(&o, argc, argv);
	if (status != 0)
		return status == 1 ? opt_done() : EX_USAGE;
	status = run(&o, &err);
	if (status == -1)
		diag("%s", err.msg);
	return status == -1 ? err.code : status;
}
