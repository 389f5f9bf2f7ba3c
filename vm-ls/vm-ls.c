/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "base/diag.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/listing.h"
#include "state/members.h"
#include "state/vm_at.h"
#include "vmm/status.h"
#include "vmm/vmm.h"

#include "row.h"

struct opts {
	struct opt_common common;
	bool table;
	const char *members, *sort;
	struct filter filter;
	char *const *refs;
	size_t refs_n;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-ls [-q] [-R root] [--allow-empty]\n"
	    "           [-t | --table | -p member,...] [--sort name|start]\n"
	    "           [--state state,...] [--hypervisor name,...]\n"
	    "           [--from snapshot] [--older-than duration] [vm ...]\n");
}

static const char *
state_word(size_t i)
{
	return i <= STATUS_ERROR ? status_name((enum status)i) : NULL;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { SORT = OPT_OWN, STATE, HYPERVISOR, FROM, OLDER };
	struct filter *filter = &o->filter;
	static const struct option longopts[] = { OPT_LONG_LIST,
		{ "sort", required_argument, NULL, SORT },
		{ "table", no_argument, NULL, 't' },
		{ "state", required_argument, NULL, STATE },
		{ "hypervisor", required_argument, NULL, HYPERVISOR },
		{ "from", required_argument, NULL, FROM },
		{ "older-than", required_argument, NULL, OLDER },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "tp:", longopts)) != -1) {
		if (ch == 't')
			o->table = true;
		else if (ch == SORT)
			rc = opt_once(&o->sort, optarg, "--sort");
		else if (ch == STATE)
			rc = filter_words(filter, "--state", "state", optarg,
			    state_word);
		else if (ch == HYPERVISOR)
			rc = filter_words(filter, "--hypervisor", "hypervisor",
			    optarg, vmm_hypervisor);
		else if (ch == FROM)
			rc = filter_origin(filter, "--from", "cloned_from",
			    ROOT_SNAP, optarg);
		else if (ch == OLDER)
			rc = filter_age(filter, "--older-than", "created_at",
			    NULL, optarg);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &vm_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc != 0)
		return rc;
	o->refs = argv + optind;
	o->refs_n = (size_t)(argc - optind);
	if (o->table && o->members != NULL)
		return opt_wrong("-t and -p exclude each other");
	return 0;
}

/* Without any lock: the record is replaced as a whole, never half-written. */
static int
report(json_t **record, const struct root *root, const char *ref, void *arg,
    struct error *err)
{
	struct vm_at at;
	int rc;

	(void)arg;
	if (vm_at_open(&at, root, ref, false, 0, err) == -1)
		return -1;
	rc = status_report(record, &at.vm, at.dirfd, at.dir, err);
	vm_at_close(&at);
	return rc;
}

static int
run(struct opts *o, struct error *err)
{
	static const struct listing_sort sorts[] = { { "name", "name", false },
		{ "start", "started_at", true }, { NULL, NULL, false } };
	struct listing listing = { .root = o->common.root,
		.kind = ROOT_VM,
		.refs = o->refs,
		.refs_n = o->refs_n,
		.allow_empty = o->common.allow_empty,
		.members = o->members,
		.as_table = o->table,
		.filter = &o->filter,
		.report = report,
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
	status = parse_opts(&o, argc, argv);
	if (status != 0)
		return opt_end(status);
	status = run(&o, &err);
	return status == -1 ? diag_error(&err) : status;
}
