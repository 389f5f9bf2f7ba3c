/* SPDX-License-Identifier: ISC */
#include "base/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A stream of its own: the caller's descriptor may be read at another place. */
static DIR *
open_stream(int dirfd)
{
	DIR *dir;
	int fd, sys;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	dir = fdopendir(fd);
	if (dir == NULL) {
		sys = errno;
		close(fd);
		errno = sys;
	}
	return dir;
}

int
dir_list(struct strv *names, int dirfd, const char *what, struct error *err)
{
	size_t first = names->n;
	struct dirent *de;
	DIR *dir;
	int rc = -1;

	dir = open_stream(dirfd);
	if (dir == NULL)
		return error_sys(err, error_code_of(errno), "%s", what);
	while (errno = 0, (de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    strv_add(names, err, "%s", de->d_name) == -1)
			goto out;
	if (errno != 0) {
		error_sys(err, EX_IOERR, "%s", what);
		goto out;
	}
	if (names->n > first)
		qsort(names->v + first, names->n - first, sizeof(*names->v),
		    compare_names);
	rc = 0;
out:
	closedir(dir);
	if (rc == -1)
		strv_cut(names, first);
	return rc;
}
