/* SPDX-License-Identifier: ISC */
#include <unistd.h>

#include "base/diag.h"
#include "base/hook.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "backup.h"
#include "source.h"

struct opts {
	struct opt_common common;
	const char *name, *filesystem, *format, *level, *out, *members;
	const char *threads, *timestamp, *image;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: disk-backup [-q] [-n name] [-t fstype] [--format format] "
	    "[--level n]\n"
	    "           [--threads n] [--timestamp time] [-o file] "
	    "[-p member,...] image\n");
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { FORMAT = OPT_OWN, LEVEL, THREADS, TIMESTAMP };
	static const struct option longopts[] = { OPT_LONG_STATELESS,
		{ "format", required_argument, NULL, FORMAT },
		{ "level", required_argument, NULL, LEVEL },
		{ "name", required_argument, NULL, 'n' },
		{ "threads", required_argument, NULL, THREADS },
		{ "timestamp", required_argument, NULL, TIMESTAMP },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv,
		 OPT_SHORT_STATELESS "n:o:p:t:", longopts, NULL)) != -1) {
		if (ch == FORMAT)
			rc = opt_once(&o->format, optarg, "--format");
		else if (ch == LEVEL)
			rc = opt_once(&o->level, optarg, "--level");
		else if (ch == THREADS)
			rc = opt_once(&o->threads, optarg, "--threads");
		else if (ch == TIMESTAMP)
			rc = opt_once(&o->timestamp, optarg, "--timestamp");
		else if (ch == 'n')
			rc = opt_once(&o->name, optarg, "-n");
		else if (ch == 'o')
			rc = opt_once(&o->out, optarg, "-o");
		else if (ch == 'p')
			rc = opt_once(&o->members, optarg, "-p");
		else if (ch == 't')
			rc = opt_once(&o->filesystem, optarg, "-t");
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc != 0)
		return rc;
	if (argc - optind != 1)
		return opt_wrong("one image is needed");
	o->image = argv[optind];
	if (o->members != NULL && o->out == NULL)
		return opt_wrong("-p needs -o");
	if (o->out == NULL && isatty(STDOUT_FILENO))
		return opt_wrong("no backup to a terminal: use -o");
	return 0;
}

static int
make_head(struct mirn_head *head, const struct opts *o,
    const struct source *source, struct error *err)
{
	if (backup_timestamp(head, o->timestamp, err) == -1)
		return -1;
	return mirn_head_name(head,
	    o->name != NULL ? o->name : path_base(o->image),
	    o->filesystem != NULL ? o->filesystem : source_filesystem(source),
	    err);
}

static int
run(const struct opts *o, struct error *err)
{
	struct backup backup = { .quiet = o->common.quiet };
	struct outfile file = OUTFILE_NONE;
	struct source source = SOURCE_NONE;
	struct mirn_head head = { 0 };
	int rc = -1;

	if (backup_settings(&backup, o->level, o->threads, err) == -1 ||
	    source_open(&source, o->image, o->format, err) == -1 ||
	    make_head(&head, o, &source, err) == -1)
		goto out;
	if (o->out != NULL && source_is(&source, o->out)) {
		error_set(err, EX_USAGE, "-o %s: is the image", o->out);
		goto out;
	}
	if (o->out != NULL &&
	    outfile_open(&file, o->out, OUTFILE_REPLACE, err) == -1)
		goto out;
	backup.image = &source.image;
	if (sandbox_enter(&file.dirfd, o->out != NULL, err) == -1 ||
	    backup_write(&head, &backup, &file, err) == -1)
		goto out;
	hook_step("backup-written");
	if (o->out != NULL &&
	    (outfile_publish(&file, OUTFILE_REPLACE, err) == -1 ||
		backup_report(o->out, &head, o->members, err) == -1))
		goto out;
	if (source_doubt(&source) != NULL)
		diag("%s: %s: the backup is no point in time", o->image,
		    source_doubt(&source));
	rc = 0;
out:
	outfile_drop(&file);
	mirn_head_fini(&head);
	source_close(&source);
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
