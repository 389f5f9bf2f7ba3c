/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "base/diag.h"
#include "base/sig.h"
#include "state/layerfile.h"
#include "state/listing.h"
#include "state/snap.h"

#include "exclusive.h"
#include "options.h"
#include "row.h"

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
		.filter = &o->filter,
		.report = report,
		.arg = o,
		.heading = row_heading,
		.columns = ROW_COLUMNS,
		.right = ROW_RIGHT,
		.row = row_add };

	clock_gettime(CLOCK_REALTIME, &listing.now);
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
	status = options_parse(&o, argc, argv);
	if (status != 0)
		return opt_end(status);
	status = run(&o, &err);
	return status == -1 ? diag_error(&err) : status;
}
