/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/sig.h"
#include "state/root.h"

#include "keeper.h"
#include "options.h"
#include "status.h"

/* The absolute path of the directory, which is empty; the caller frees it. */
static int
check_dir(char **out, const char *dir, struct error *err)
{
	struct strv names = { 0 };
	int fd, rc;
	size_t n;

	if (fd_open_dir(&fd, AT_FDCWD, dir, true, err) == -1)
		return -1;
	/* fusermount3 wants that, too, and has no status of its own for it. */
	if (faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == -1) {
		error_sys(err, error_code_of(errno), "%s", dir);
		fd_drop(&fd);
		return -1;
	}
	rc = dir_list(&names, fd, dir, err);
	fd_drop(&fd);
	n = names.n;
	strv_fini(&names);
	if (rc == -1)
		return -1;
	if (n > 0)
		return error_set(err, EX_CANTCREAT, "%s: not empty", dir);
	*out = realpath(dir, NULL);
	return *out == NULL ? error_sys(err, error_code_of(errno), "%s", dir)
			    : 0;
}

static int
run(const struct opts *o, struct error *err)
{
	char *dir = NULL;
	int rc = -1;

	if (o->status)
		return status_report(o->dir, o->members, err);
	if (root_become_owner(o->common.root, err) == 0 &&
	    check_dir(&dir, o->dir, err) == 0)
		rc = o->foreground ? keeper_run(o, dir, -1, err)
				   : keeper_start(o, dir, err);
	free(dir);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		rc = opt_end(rc);
	else if (run(&o, &err) == -1)
		rc = diag_error(&err);
	options_fini(&o);
	return rc;
}
