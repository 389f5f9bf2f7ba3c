/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/hook.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "backup.h"
#include "source.h"
#include "vmdisk.h"

struct opts {
	struct opt_common common;
	const char *name, *filesystem, *format, *level, *out, *members;
	const char *threads, *timestamp, *vm, *image; /* or the VM's disk */
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: disk-backup [-q] [-n name] [-t fstype] [--format format] "
	    "[--level n]\n"
	    "           [--threads n] [--timestamp time] [-o file] "
	    "[-p member,...] image\n"
	    "       disk-backup [-R root] [option ...] --vm vm disk\n");
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { FORMAT = OPT_OWN, LEVEL, THREADS, TIMESTAMP, VM };
	static const struct option longopts[] = { OPT_LONG,
		{ "format", required_argument, NULL, FORMAT },
		{ "level", required_argument, NULL, LEVEL },
		{ "name", required_argument, NULL, 'n' },
		{ "threads", required_argument, NULL, THREADS },
		{ "timestamp", required_argument, NULL, TIMESTAMP },
		{ "vm", required_argument, NULL, VM }, { NULL, 0, NULL, 0 } };
	const struct {
		int ch;
		const char **slot;
		const char *name;
	} texts[] = { { FORMAT, &o->format, "--format" },
		{ LEVEL, &o->level, "--level" },
		{ THREADS, &o->threads, "--threads" },
		{ TIMESTAMP, &o->timestamp, "--timestamp" },
		{ VM, &o->vm, "--vm" }, { 'n', &o->name, "-n" },
		{ 'o', &o->out, "-o" }, { 't', &o->filesystem, "-t" } };
	size_t i, n = sizeof(texts) / sizeof(texts[0]);
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, OPT_SHORT "n:o:p:t:", longopts,
		 NULL)) != -1) {
		for (i = 0; i < n && texts[i].ch != ch;)
			i++;
		if (i < n)
			rc = opt_once(texts[i].slot, optarg, texts[i].name);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc != 0)
		return rc;
	if (argc - optind != 1)
		return opt_wrong("one image is needed");
	if (o->vm != NULL ? o->format != NULL : o->common.root != NULL)
		return opt_wrong("--format is without --vm, and -R is with it");
	o->image = argv[optind];
	if (o->members != NULL && o->out == NULL)
		return opt_wrong("-p needs -o");
	if (o->out == NULL && isatty(STDOUT_FILENO))
		return opt_wrong("no backup to a terminal: use -o");
	return 0;
}

static int
make_head(struct mirn_head *head, const struct opts *o,
    const struct source *source, const char *name, struct error *err)
{
	if (backup_timestamp(head, o->timestamp, err) == -1)
		return -1;
	return mirn_head_name(head, o->name != NULL ? o->name : name,
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
	char *label = NULL;
	int rc = -1;

	if (backup_settings(&backup, o->level, o->threads, err) == -1 ||
	    (o->vm == NULL ? source_open(&source, o->image, o->format, err)
			   : vmdisk_open(&source, &label, o->common.root, o->vm,
				 o->image, err)) == -1 ||
	    make_head(&head, o, &source,
		label != NULL ? label : path_base(o->image), err) == -1 ||
	    source_check_output(&source, o->out, err) == -1 ||
	    (o->out != NULL &&
		outfile_open(&file, o->out, OUTFILE_REPLACE, err) == -1))
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
	free(label);
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
		return opt_done();
	}
	if (run(&o, &err) == -1) {
		diag("%s", err.msg);
		return err.code;
	}
	return EX_OK;
}
