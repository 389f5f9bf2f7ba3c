/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/diag.h"
#include "base/merge.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/refs.h"

#include "keep.h"
#include "pools.h"

/* A descriptor each, of the 1024 that a process usually may have. */
#define KEEP_MAX 400
#define JOBS_MAX 1000 /* as vm-clone has it */

/* Of both kinds of records. */
static const struct members members = { .names = "keep fill_ms made taken died",
	.more = &pools_members };

struct opts {
	struct opt_common common;
	const char *keep, *jobs;
	bool list, merge;
	struct keep_how how;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-pool [-q] [-R root] [-p member,...] [-j jobs]\n"
	    "           [--keep n] [--merge] snap\n"
	    "       vm-pool --list [-R root] [-p member,...] [snap ...]\n");
}

static int
check_opts(struct opts *o, char *const *operands)
{
	struct error err = { 0 };
	uint64_t n = 1;

	if (o->list)
		return o->keep == NULL && o->jobs == NULL && !o->merge
		    ? 0
		    : opt_wrong("--list and %s exclude each other",
			  o->keep != NULL       ? "--keep"
			      : o->jobs != NULL ? "--jobs"
						: "--merge");
	if (operands[0] == NULL)
		return opt_wrong("no snapshot is named");
	if (operands[1] != NULL)
		return opt_wrong("%s: one snapshot at a time", operands[1]);
	if (o->jobs != NULL && num_u64(&n, o->jobs, 1, JOBS_MAX, &err) == -1)
		return opt_wrong("--jobs: %s", err.msg);
	n = 1;
	if (o->keep != NULL && num_u64(&n, o->keep, 1, KEEP_MAX, &err) == -1)
		return opt_wrong("--keep: %s", err.msg);
	o->how.keep = (size_t)n;
	o->how.jobs = o->jobs;
	o->how.quiet = o->common.quiet;
	return 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { KEEP = OPT_OWN, LIST, MERGE };
	static const struct option longopts[] = { OPT_LONG,
		{ "jobs", required_argument, NULL, 'j' },
		{ "keep", required_argument, NULL, KEEP },
		{ "list", no_argument, NULL, LIST },
		{ "merge", no_argument, NULL, MERGE }, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:j:", longopts)) != -1) {
		if (ch == KEEP)
			rc = opt_once(&o->keep, optarg, "--keep");
		else if (ch == LIST)
			o->list = true;
		else if (ch == MERGE)
			o->merge = true;
		else if (ch == 'j')
			rc = opt_once(&o->jobs, optarg, "--jobs");
		else if (ch == 'p')
			rc = opt_members(&o->how.members, optarg, &members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}

static int
run(struct opts *o, char *operand, struct error *err)
{
	struct root *root = NULL;
	char id[ID_LEN + 1], *ref;
	int rc = -1;

	/* vm-clone has it from us, and its VMMs from it. */
	if (o->merge && merge_begin(err) == -1)
		return -1;
	if (refs_read_one(&ref, operand, "snapshot", err) == -1)
		return -1;
	if (root_open_existing(&root, o->common.root, err) == 0 &&
	    root_resolve(id, root, ROOT_SNAP, ref, err) == 0) {
		o->how.root = root;
		o->how.snap_id = id;
		rc = keep_run(&o->how, err);
	}
	root_close(root);
	free(ref);
	return rc;
}

static int
list(const struct opts *o, int n, char *const *operands)
{
	const struct pools_how how = { .root = o->common.root,
		.refs = operands,
		.refs_n = (size_t)n,
		.members = o->how.members };

	return pools_list(&how);
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { .how.notify.fd = -1 };
	int rc;

	sig_setup();
	rc = parse_opts(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	if (o.list)
		return list(&o, argc - optind, argv + optind);
	if (notify_open(&o.how.notify, &err) == -1)
		diag("warning: %s", err.msg);
	err = (struct error){ 0 };
	rc = run(&o, argv[optind], &err) == 0 ? EX_OK : diag_error(&err);
	notify_close(&o.how.notify);
	return rc;
}
