/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/opt.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "disk/image.h"
#include "foreign/mirn.h"

#include "job.h"

struct opts {
	struct opt_common common;
	const char *members, *vm;
	const char *file, *image; /* NULL: standard input, nothing to restore */
	unsigned flags; /* OUTFILE_REPLACE with --force */
	bool list, verify;
};

static const struct members restore_members = { IMAGE_MEMBERS " " MIRN_MEMBERS,
	NULL };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: disk-restore [-q] [--force] [-p member,...] [file] image\n"
	    "       disk-restore [-q] --force [-R root] [-p member,...] --to-vm vm "
	    "[file] disk\n"
	    "       disk-restore [-q] [-p member,...] --list | --verify [file]\n");
}

/* [file] image, or with --list or --verify [file]. */
static int
parse_operands(struct opts *o, int n, char *const *operands)
{
	bool reads_only = o->list || o->verify;

	if (o->list + o->verify + (o->flags == OUTFILE_REPLACE) > 1)
		return opt_wrong(
		    "--force, --list and --verify exclude each other");
	if (o->vm == NULL ? o->common.root != NULL : reads_only)
		return opt_wrong("-R is with --to-vm, which restores");
	if (!reads_only && n == 0)
		return opt_wrong("an image is needed");
	if (n > (reads_only ? 1 : 2))
		return opt_wrong("%s: one operand too many", operands[n - 1]);
	if (!reads_only)
		o->image = operands[n - 1];
	if (o->image != NULL && o->vm == NULL && strcmp(o->image, "-") == 0)
		return opt_wrong("-: an image is a file, not standard output");
	if (n == (reads_only ? 1 : 2) && strcmp(operands[0], "-") != 0)
		o->file = operands[0];
	if (o->file == NULL && isatty(STDIN_FILENO))
		return opt_wrong("no backup from a terminal");
	return 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { FORCE = OPT_OWN, LIST, TO_VM, VERIFY };
	static const struct option longopts[] = { OPT_LONG,
		{ "force", no_argument, NULL, FORCE },
		{ "list", no_argument, NULL, LIST },
		{ "to-vm", required_argument, NULL, TO_VM },
		{ "verify", no_argument, NULL, VERIFY }, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1) {
		if (ch == FORCE)
			o->flags = OUTFILE_REPLACE;
		else if (ch == LIST)
			o->list = true;
		else if (ch == VERIFY)
			o->verify = true;
		else if (ch == TO_VM)
			rc = opt_once(&o->vm, optarg, "--to-vm");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &restore_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : parse_operands(o, argc - optind, argv + optind);
}

static int
run(const struct opts *o, struct error *err)
{
	struct job j = JOB_NONE;
	int rc = -1;

	if (job_open(&j, o->file, o->image, o->vm, o->common.root, o->flags,
		err) == 0 &&
	    sandbox_enter(&j.image.dirfd, o->image != NULL, err) == 0 &&
	    job_read(&j, err) == 0 &&
	    (o->list || job_restore(&j, o->common.quiet, err) == 0))
		rc = restore_report(mirn_reader_head(j.reader), j.image.path,
		    o->members, err);
	job_close(&j);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = parse_opts(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	return run(&o, &err) == -1 ? diag_error(&err) : EX_OK;
}
