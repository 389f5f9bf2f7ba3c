/* SPDX-License-Identifier: ISC */
#include "disk/input.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "disk/copy.h"

int
input_open(int *fd, uint64_t *size, const char *path, struct error *err)
{
	int rc = fd_open_path(fd, size, path, O_RDONLY, err);

	/* A directory or device in a file's place: the argument is wrong. */
	if (rc == -1 && err != NULL && err->code == EX_DATAERR)
		err->code = EX_NOINPUT;
	return rc;
}

int
input_open_filled(int *fd, uint64_t *size, const char *path, struct error *err)
{
	if (input_open(fd, size, path, err) == -1)
		return -1;
	if (*size > 0)
		return 0;
	fd_drop(fd);
	return error_set(err, EX_NOINPUT, "%s: empty", path);
}

int
input_copy(int dirfd, const char *name, const char *path, struct error *err)
{
	int from = -1, to = -1, rc = -1;
	uint64_t size;

	if (input_open_filled(&from, &size, path, err) == -1)
		return -1;
	to = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to == -1) {
		error_sys(err, error_code_of(errno), "%s", name);
		goto out;
	}
	if (copy_reflink(to, from, path, NULL) == 0)
		rc = 0;
	else
		rc = copy_extents(to, from, size, NULL, NULL, path, err);
out:
	fd_drop(&to);
	fd_drop(&from);
	return rc;
}
