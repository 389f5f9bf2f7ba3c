/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "dir.h"

/* What was asked for. */
struct opts {
	struct opt_common common;
	const char *members, *file, *from_dir;
	struct import_how how;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-import [-q] [-R root] [-n name] [-d text] "
	    "[--require-digests]\n"
	    "           [-p member,...] [file | --from-dir dir]\n");
}

static int
check_opts(struct opts *o, char *operands[], int n)
{
	if (n > 1)
		return opt_wrong("%s: one archive is imported", operands[1]);
	if (o->how.text != NULL &&
	    (strlen(o->how.text) > IMPORT_TEXT_MAX ||
		!path_is_utf8(o->how.text, strlen(o->how.text))))
		return opt_wrong("-d: text that is no UTF-8, or above 64 KiB");
	if (n == 1 && strcmp(operands[0], "-") != 0)
		o->file = operands[0];
	if (o->from_dir != NULL && n > 0)
		return opt_wrong(
		    "an archive and --from-dir exclude each other");
	if (o->from_dir == NULL && o->file == NULL && isatty(STDIN_FILENO))
		return opt_wrong("no archive from a terminal: name a file");
	return 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { DIGESTS = OPT_OWN, FROM_DIR };
	static const struct option longopts[] = { OPT_LONG,
		{ "name", required_argument, NULL, 'n' },
		{ "description", required_argument, NULL, 'd' },
		{ "from-dir", required_argument, NULL, FROM_DIR },
		{ "require-digests", no_argument, NULL, DIGESTS },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, OPT_SHORT "n:d:p:", longopts,
		 NULL)) != -1) {
		if (ch == 'n')
			rc = opt_once(&o->how.name, optarg, "-n");
		else if (ch == 'd')
			rc = opt_once(&o->how.text, optarg, "-d");
		else if (ch == 'p')
			rc = opt_once(&o->members, optarg, "-p");
		else if (ch == FROM_DIR)
			rc = opt_once(&o->from_dir, optarg, "--from-dir");
		else if (ch == DIGESTS)
			o->how.need_digests = true;
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind, argc - optind);
}

/* The archive, and in *size its length where it has one. */
static int
open_archive(int *fd, uint64_t *size, const char *path, struct error *err)
{
	struct stat st;

	*fd = path == NULL ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (*fd == -1 || fstat(*fd, &st) == -1)
		return error_sys(err, EX_NOINPUT, "%s",
		    path == NULL ? "standard input" : path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, EX_NOINPUT,
		    "%s: a directory, not an archive",
		    path == NULL ? "standard input" : path);
	*size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return 0;
}

static int
run(const struct opts *o, struct error *err)
{
	const char *what = o->file == NULL ? "standard input" : o->file;
	struct import import = { 0 };
	int dir, fd = -1, rc = -1;
	uint64_t size = 0;

	if (o->from_dir != NULL)
		return import_from_dir(o->from_dir, o->common.root, &o->how,
		    o->common.quiet, o->members, err);
	if (open_archive(&fd, &size, o->file, err) == -1 ||
	    import_begin(&import, o->common.root, &o->how, err) == -1)
		goto out;
	dir = root_fd(import.root);
	if (sandbox_enter(&dir, 1, err) == -1)
		goto out;
	progress_init(&import.progress, "imported", size, o->common.quiet);
	if (import_archive(&import, fd, what, &o->how, err) == 0)
		rc = import_report(&import, o->members, err);
out:
	import_fini(&import);
	fd_drop(&fd);
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
