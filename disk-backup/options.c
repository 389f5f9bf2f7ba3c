/* SPDX-License-Identifier: ISC */
#include "options.h"

#include "disk/image.h"
#include "foreign/mirn.h"

static const struct members backup_members = { IMAGE_MEMBERS " " MIRN_MEMBERS,
	NULL };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: disk-backup [-q] [-n name] [-t fstype] [--format format] "
	    "[--level n]\n"
	    "           [--threads n] [--timestamp time] [-o file] "
	    "[-p member,...] image\n"
	    "       disk-backup [-R root] [option ...] [--freeze[=try] "
	    "[--freeze-timeout duration]]\n"
	    "           --vm vm disk\n");
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum {
		FORMAT = OPT_OWN,
		LEVEL,
		THREADS,
		TIMESTAMP,
		VM,
		FREEZE,
		FREEZE_TIMEOUT
	};
	static const struct option longopts[] = { OPT_LONG,
		{ "format", required_argument, NULL, FORMAT },
		{ "freeze", optional_argument, NULL, FREEZE },
		{ "freeze-timeout", required_argument, NULL, FREEZE_TIMEOUT },
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
	    (ch = opt_next(argc, argv, OPT_SHORT "n:o:p:t:", longopts)) != -1) {
		for (i = 0; i < n && texts[i].ch != ch;)
			i++;
		if (i < n)
			rc = opt_once(texts[i].slot, optarg, texts[i].name);
		else if (ch == FREEZE)
			rc = quiesce_opt(&o->quiesce, optarg);
		else if (ch == FREEZE_TIMEOUT)
			rc = quiesce_opt_timeout(&o->quiesce, optarg);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &backup_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc != 0)
		return rc;
	if (argc - optind != 1)
		return opt_wrong("one %s is needed",
		    o->vm != NULL ? "disk" : "image");
	if (o->vm != NULL && o->format != NULL)
		return opt_wrong("--format and --vm exclude each other");
	if (quiesce_opt_check(&o->quiesce) == -1)
		return -1;
	if (o->vm == NULL && o->quiesce.want != QUIESCE_NO)
		return opt_wrong("--freeze goes with --vm");
	if (o->vm == NULL && o->common.root != NULL)
		return opt_wrong("--root goes with --vm");
	o->image = argv[optind];
	return opt_output(&o->out, o->members, "backup");
}
