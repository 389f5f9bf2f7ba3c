/* SPDX-License-Identifier: ISC */
#include <fcntl.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "gc.h"

struct opts {
	struct opt_common common;
	bool dry_run;
	const char *keep, *max_size, *members;
	struct opt_time older_than;
};

static const struct members gc_members = { "kind id name path reason bytes",
	NULL };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: state-gc [-q] [-R dir] [--dry-run] [--keep n]\n"
	    "           [--older-than duration] [--max-size size] "
	    "[-p member,...]\n");
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { DRY_RUN = OPT_OWN, KEEP, OLDER_THAN, MAX_SIZE };
	static const struct option longopts[] = { OPT_LONG,
		{ "dry-run", no_argument, NULL, DRY_RUN },
		{ "keep", required_argument, NULL, KEEP },
		{ "older-than", required_argument, NULL, OLDER_THAN },
		{ "max-size", required_argument, NULL, MAX_SIZE },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1) {
		if (ch == DRY_RUN)
			o->dry_run = true;
		else if (ch == KEEP)
			rc = opt_once(&o->keep, optarg, "--keep");
		else if (ch == OLDER_THAN)
			rc = opt_duration(&o->older_than, optarg,
			    "--older-than");
		else if (ch == MAX_SIZE)
			rc = opt_once(&o->max_size, optarg, "--max-size");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &gc_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc == 0 && argv[optind] != NULL)
		return opt_wrong("%s: no operands are taken", argv[optind]);
	return rc;
}

static int
set_limits(struct gc *gc, const struct opts *o, struct error *err)
{
	gc->has_keep = o->keep != NULL;
	gc->has_age = o->older_than.given;
	gc->age_ms = o->older_than.ms;
	gc->has_size = o->max_size != NULL;
	if (gc->has_keep &&
	    num_u64(&gc->keep, o->keep, 0, INT64_MAX, err) == -1)
		return error_wrap(err, "--keep");
	if (gc->has_size &&
	    num_size(&gc->size_bytes, o->max_size, 0, INT64_MAX, err) == -1)
		return error_wrap(err, "--max-size");
	return 0;
}

/*
 * Beneath the root, and /proc, where processes are told apart: those that a
 * killed tool left behind are ended.
 */
static int
enclose(const struct root *root, struct error *err)
{
	int fd = root_fd(root), proc_fd, rc;
	const struct sandbox s = { .dirfds = &fd,
		.n = 1,
		.read_dirfds = &proc_fd,
		.read_n = 1,
		.may_signal = true };

	if (fd_open_dir(&proc_fd, AT_FDCWD, "/proc", false, err) == -1)
		return -1;
	rc = sandbox_enter_as(&s, err);
	fd_drop(&proc_fd);
	return rc;
}

static int
run(const struct opts *o, int *status, struct error *err)
{
	struct gc gc = { .dry_run = o->dry_run, .members = o->members };
	struct root *root = NULL;
	int found, rc = -1;

	clock_gettime(CLOCK_REALTIME, &gc.now);
	if (set_limits(&gc, o, err) == -1)
		goto out;
	found = (o->dry_run ? root_open_to_list : root_open_to_tidy)(&root,
	    o->common.root, err);
	if (found == 1)
		rc = 0;
	if (found != 0)
		goto out;
	gc.root = root;
	if (enclose(root, err) == -1 || gc_ended(&gc, err) == -1 ||
	    gc_leftovers(&gc, err) == -1 || gc_evict(&gc, err) == -1 ||
	    gc_layers(&gc, err) == -1)
		goto out;
	rc = 0;
out:
	*status = gc.status;
	strv_fini(&gc.evicted);
	strv_fini(&gc.told);
	root_close(root);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc, status = EX_OK;

	sig_setup();
	rc = parse_opts(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	if (run(&o, &status, &err) == 0)
		return status;
	rc = diag_error(&err);
	return status == EX_OK ? rc : status;
}
