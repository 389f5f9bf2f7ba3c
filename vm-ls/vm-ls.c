/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/sig.h"
#include "state/listing.h"
#include "state/vm_at.h"
#include "vmm/status.h"

#include "options.h"
#include "row.h"

struct job { /* what the listing takes along */
	bool memory;
	struct usage_sum sum;
};

static void
count(const json_t *record, void *arg)
{
	struct job *job = arg;

	usage_count(record, &job->sum);
}

static int
put_sum(struct table *t, const struct listing *l, struct error *err)
{
	const struct job *job = l->arg;
	json_t *record;
	int rc;

	if (l->as_table)
		return row_add_sum(t, &job->sum, err);
	if (!l->only_all)
		return 0;
	if (usage_report(&record, &job->sum, err) == -1)
		return -1;
	rc = json_report(record, l->members, err);
	json_decref(record);
	return rc;
}

/* Without any lock: the record is replaced as a whole, never half-written. */
static int
report(json_t **record, const struct root *root, const char *ref, void *arg,
    struct error *err)
{
	const struct job *job = arg;
	struct vm_at at;
	int rc;

	if (vm_at_open(&at, root, ref, false, 0, err) == -1)
		return -1;
	rc = status_report(record, &at.vm, at.dirfd, at.dir, err);
	if (rc == 0 && job->memory)
		rc = usage_put(*record, &at.vm, err);
	vm_at_close(&at);
	return rc;
}

static int
run(struct opts *o, struct error *err)
{
	static const struct listing_sort sorts[] = { { "name", "name", false },
		{ "start", "started_at", true }, { NULL, NULL, false } };
	struct job job = { .memory = o->memory };
	struct listing listing = { .root = o->common.root,
		.kind = ROOT_VM,
		.refs = o->refs,
		.refs_n = o->refs_n,
		.allow_empty = o->common.allow_empty,
		.members = o->members,
		.as_table = o->table,
		.filter = &o->filter,
		.report = report,
		.arg = &job,
		.heading = row_heading,
		.columns = ROW_COLUMNS,
		.right = ROW_RIGHT,
		.row = row_add };

	if (o->memory) {
		listing.heading = row_memory_heading;
		listing.columns = ROW_MEMORY_COLUMNS;
		listing.right = ROW_MEMORY_RIGHT;
		listing.row = row_add_memory;
		listing.count = count;
		listing.all = put_sum;
		listing.only_all = o->total;
	}
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
