/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/opt.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "restore.h"

struct opts {
	struct opt_common common;
	const char *members;
	const char *file, *image; /* NULL: standard input, nothing to restore */
	unsigned flags; /* OUTFILE_REPLACE with --force */
	bool list, verify;
};

struct job {
	int in, old; /* the MIRN file, what is in the image's place */
	struct outfile image;
	struct mirn_reader *reader;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: disk-restore [-q] [--force] [-p member,...] [file] image\n"
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
	if (!reads_only && n == 0)
		return opt_wrong("an image is needed");
	if (n > (reads_only ? 1 : 2))
		return opt_wrong("%s: one operand too many", operands[n - 1]);
	if (!reads_only)
		o->image = operands[n - 1];
	if (n == (reads_only ? 1 : 2) && strcmp(operands[0], "-") != 0)
		o->file = operands[0];
	if (o->file == NULL && isatty(STDIN_FILENO))
		return opt_wrong("no backup from a terminal");
	return 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { FORCE = OPT_OWN, LIST, VERIFY };
	static const struct option longopts[] = { OPT_LONG_STATELESS,
		{ "force", no_argument, NULL, FORCE },
		{ "list", no_argument, NULL, LIST },
		{ "verify", no_argument, NULL, VERIFY }, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, OPT_SHORT_STATELESS "p:", longopts,
		 NULL)) != -1) {
		if (ch == FORCE)
			o->flags = OUTFILE_REPLACE;
		else if (ch == LIST)
			o->list = true;
		else if (ch == VERIFY)
			o->verify = true;
		else if (ch == 'p')
			rc = opt_once(&o->members, optarg, "-p");
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : parse_operands(o, argc - optind, argv + optind);
}

static int
open_all(struct job *j, const struct opts *o, struct error *err)
{
	if (restore_open(&j->in, o->file, err) == -1)
		return -1;
	if (o->image == NULL)
		return 0;
	if (outfile_open(&j->image, o->image, o->flags, err) == -1)
		return -1;
	return restore_claim(&j->old, o->image, err);
}

static int
restore(struct job *j, const struct opts *o, const char *what,
    struct error *err)
{
	if (restore_image(j->reader, &j->image, what, o->common.quiet, err) ==
	    -1)
		return -1;
	hook_step("restore-written");
	if (o->image == NULL)
		return 0;
	if (restore_claim_check(j->old, o->image, err) == -1)
		return -1;
	return outfile_publish(&j->image, o->flags, err);
}

static int
run(const struct opts *o, struct error *err)
{
	const char *what = o->file == NULL ? "standard input" : o->file;
	struct job j = { .in = -1, .old = -1, .image = OUTFILE_NONE };
	int rc = -1;

	if (open_all(&j, o, err) == 0 &&
	    sandbox_enter(&j.image.dirfd, o->image != NULL, err) == 0 &&
	    mirn_reader_new(&j.reader, j.in, what, err) == 0 &&
	    (o->list || restore(&j, o, what, err) == 0))
		rc = restore_report(mirn_reader_head(j.reader), o->image,
		    o->members, err);
	mirn_reader_free(j.reader);
	outfile_drop(&j.image);
	fd_drop(&j.old);
	fd_drop(&j.in);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };

	sig_setup();
	switch (parse_opts(&o, argc, argv)) {
	case -1:
		return EX_USAGE;
	case 1:
		return EX_OK;
	}
	if (run(&o, &err) == -1) {
		diag("%s", err.msg);
		return err.code;
	}
	return EX_OK;
}
