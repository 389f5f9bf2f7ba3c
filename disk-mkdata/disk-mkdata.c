/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "base/path.h"
#include "base/sig.h"
#include "seed/datadisk.h"

#include "datafile.h"

struct opts {
	struct opt_common common;
	const char *from, *members, *spec, *dir;
};

static const struct members mkdata_members = {
	"path ro serial role mount_point fstype direct_io size backing.#", NULL
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: disk-mkdata [-q] [--from dir] [-p member,...] spec dir\n");
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { FROM = OPT_OWN };
	static const struct option longopts[] = { OPT_LONG_STATELESS,
		{ "from", required_argument, NULL, FROM },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT_STATELESS "p:", longopts)) !=
		-1) {
		if (ch == FROM)
			rc = opt_once(&o->from, optarg, "--from");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &mkdata_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc != 0)
		return rc;
	if (argc - optind != 2)
		return opt_wrong("a spec and a directory are needed");
	o->spec = argv[optind];
	o->dir = argv[optind + 1];
	return 0;
}

static int
run(const struct opts *o, struct error *err)
{
	struct datadisk_list list = { 0 };
	struct outfile file = OUTFILE_NONE;
	char *path = NULL;
	int fromfd = -1, rc = -1;

	if (datadisk_parse(&list, &o->spec, 1, NULL, err) == -1)
		goto out;
	if (o->from != NULL && strcmp(list.disks.v[0].fstype, "none") == 0) {
		error_set(err, EX_USAGE, "--from %s: fstype none has no files",
		    o->from);
		goto out;
	}
	if (o->from != NULL &&
	    fd_open_dir(&fromfd, AT_FDCWD, o->from, true, err) == -1)
		goto out;
	path = path_format("%s/%s", o->dir, list.disks.v[0].path);
	if (path == NULL) {
		error_sys(err, EX_OSERR, "%s", o->dir);
		goto out;
	}
	if (outfile_open(&file, path, OUTFILE_NEW, err) == -1 ||
	    datafile_make(&file, &list, o->from, err) == -1)
		goto out;
	hook_step("disk-made");
	/* mkfs.ext4 has synced what it wrote. */
	if (sig_check(err) == -1 ||
	    outfile_publish(&file, OUTFILE_NEW | OUTFILE_NOSYNC, err) == -1)
		goto out;
	rc = datafile_report(&list.disks, o->dir, o->members, err);
	if (rc == -1)
		unlinkat(file.dirfd, file.name, 0);
out:
	outfile_drop(&file);
	fd_drop(&fromfd);
	free(path);
	datadisk_list_fini(&list);
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
