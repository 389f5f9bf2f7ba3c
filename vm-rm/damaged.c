/* SPDX-License-Identifier: ISC */
#include "damaged.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/dir.h"
#include "base/fd.h"

/* Whether the process of this name in /proc has the directory as its own. */
static bool
works_in(const char *pid, const struct stat *dir)
{
	char path[64];
	struct stat st;

	if (snprintf(path, sizeof(path), "/proc/%s/cwd", pid) >=
	    (int)sizeof(path))
		return false;
	return stat(path, &st) == 0 && st.st_dev == dir->st_dev &&
	    st.st_ino == dir->st_ino;
}

/* Every VMM runs in its VM's directory. */
static int
check_idle(int dirfd, struct error *err)
{
	struct strv names = { 0 };
	struct stat st;
	size_t i;
	int fd, rc;

	if (fstat(dirfd, &st) == -1)
		return error_sys(err, EX_IOERR, "directory");
	if (fd_open_dir(&fd, AT_FDCWD, "/proc", false, err) == -1)
		return -1;
	rc = dir_list(&names, fd, "/proc", err);
	for (i = 0; rc == 0 && i < names.n; i++)
		if (strspn(names.v[i], "0123456789") == strlen(names.v[i]) &&
		    works_in(names.v[i], &st))
			rc = error_set(err, EX_NOPERM,
			    "its record is damaged, and process %s works in "
			    "its directory: end that first",
			    names.v[i]);
	strv_fini(&names);
	fd_drop(&fd);
	return rc;
}

int
damaged_remove(const struct root *root, const char *ref, struct error *err)
{
	char id[ID_LEN + 1];
	int fd, rc;

	if (root_resolve(id, root, ROOT_VM, ref, err) == -1 ||
	    root_lock(&fd, root, ROOT_VM, id, true, 0, err) == -1)
		return -1;
	rc = check_idle(fd, err);
	if (rc == 0)
		rc = root_remove(root, ROOT_VM, id, NULL, err);
	fd_drop(&fd);
	return rc;
}
