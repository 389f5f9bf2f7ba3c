/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "base/diag.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/layerfile.h"
#include "state/listing.h"
#include "state/members.h"
#include "state/snap.h"

#include "exclusive.h"
#include "row.h"

struct opts {
	struct opt_common common;
	bool table, exclusive, layers;
	const char *members, *sort;
	char *const *refs;
	size_t refs_n;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-ls [-q] [-R dir] [--allow-empty] [-t | --table]\n"
	    "           [--exclusive] [--layers] [--sort name|created]\n"
	    "           [-p member,...] [snapshot ...]\n");
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { EXCLUSIVE = OPT_OWN, LAYERS, SORT };
	static const struct option longopts[] = { OPT_LONG_LIST,
		{ "sort", required_argument, NULL, SORT },
		{ "table", no_argument, NULL, 't' },
		{ "exclusive", no_argument, NULL, EXCLUSIVE },
		{ "layers", no_argument, NULL, LAYERS }, { NULL, 0, NULL, 0 } };
	const char *letters = OPT_SHORT "tp:";
	int ch, rc = 0;

	while (
	    rc == 0 && (ch = opt_next(argc, argv, letters, longopts)) != -1) {
		if (ch == 't')
			o->table = true;
		else if (ch == EXCLUSIVE)
			o->exclusive = true;
		else if (ch == LAYERS)
			o->layers = true;
		else if (ch == SORT)
			rc = opt_once(&o->sort, optarg, "--sort");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &snap_members);
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
report(json_t **record, const struct root *root, const char *ref, void *arg,
    struct error *err)
{
	const struct opts *o = arg;
	struct snap *snap = NULL;
	int rc = -1;

	if (snap_open(&snap, root, ref, err) == 0 &&
	    snap_report(record, snap, root, err) == 0)
		rc = o->exclusive ? exclusive_put(*record, snap, err) : 0;
	if (rc == 0 && o->layers)
		rc = layerfile_put_all(*record, root, snap_fd(snap),
		    &snap_envelope(snap)->machine.layers, err);
	if (rc == -1) {
		json_decref(*record);
		*record = NULL;
	}
	snap_close(snap);
	return rc;
}

static int
run(struct opts *o, struct error *err)
{
	static const struct listing_sort sorts[] = { { "name", "name", false },
		{ "created", "created_at", true }, { NULL, NULL, false } };
	struct listing listing = { .root = o->common.root,
		.kind = ROOT_SNAP,
		.refs = o->refs,
		.refs_n = o->refs_n,
		.allow_empty = o->common.allow_empty,
		.members = o->members,
		.as_table = o->table,
		.enclosed = true,
		.now = time(NULL),
		.report = report,
		.arg = o,
		.heading = row_heading,
		.columns = ROW_COLUMNS,
		.right = ROW_RIGHT,
		.row = row_add };

	if (listing_order(&listing, o->sort, sorts, err) == -1)
		return -1;
	return listing_print(&listing, err);
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
		return opt_end(status);
	status = run(&o, &err);
	return status == -1 ? diag_error(&err) : status;
}
