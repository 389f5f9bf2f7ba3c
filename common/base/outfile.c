/* SPDX-License-Identifier: ISC */
#include "base/outfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

/* The directory that `path` lies in. */
static int
open_parent(int *out, const char *path, const char *name, struct error *err)
{
	char *dir;
	int fd;

	if (name == path) {
		dir = strdup(".");
	} else if (name == path + 1) {
		dir = strdup("/");
	} else {
		dir = strndup(path, (size_t)(name - path) - 1);
	}
	if (dir == NULL)
		return error_sys(err, EX_OSERR, "%s", path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	*out = fd;
	return 0;
}

static int
check_name(const struct outfile *out, unsigned flags, struct error *err)
{
	struct stat st;

	if (fstatat(out->dirfd, out->name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return 0;
		return error_sys(err, error_code_of(errno), "%s", out->path);
	}
	if (!S_ISREG(st.st_mode))
		return error_set(err, EX_CANTCREAT,
		    "%s: exists, and is no regular file", out->path);
	if ((flags & OUTFILE_REPLACE) == 0)
		return error_set(err, EX_CANTCREAT, "%s: exists", out->path);
	return 0;
}

int
outfile_open(struct outfile *out, const char *path, unsigned flags,
    struct error *err)
{
	struct outfile o = OUTFILE_NONE;
	char id[ID_LEN + 1];

	o.path = path;
	o.name = path_base(path);
	if (o.name[0] == '\0' || strcmp(o.name, ".") == 0 ||
	    strcmp(o.name, "..") == 0)
		return error_set(err, EX_CANTCREAT, "%s: not a file's name",
		    path);
	if (open_parent(&o.dirfd, path, o.name, err) == -1)
		return -1;
	if (check_name(&o, flags, err) == -1 || id_new(id, err) == -1) {
		fd_drop(&o.dirfd);
		return -1;
	}
	snprintf(o.beside, sizeof(o.beside), ".new-%s", id);
	o.fd = openat(o.dirfd, o.beside,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o.fd == -1) {
		error_sys(err, error_code_of(errno), "%s", path);
		fd_drop(&o.dirfd);
		return -1;
	}
	*out = o;
	return 0;
}

/* Filesystems without RENAME_NOREPLACE have links, or no way at all. */
static int
rename_to_new(const struct outfile *out)
{
	if (renameat2(out->dirfd, out->beside, out->dirfd, out->name,
		RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(out->dirfd, out->beside, out->dirfd, out->name, 0) == -1)
		return -1;
	return unlinkat(out->dirfd, out->beside, 0);
}

int
outfile_publish(struct outfile *out, unsigned flags, struct error *err)
{
	int rc;

	if (fd_commit(&out->fd, out->path, err) == -1)
		return -1;
	if ((flags & OUTFILE_REPLACE) != 0)
		rc = renameat(out->dirfd, out->beside, out->dirfd, out->name);
	else
		rc = rename_to_new(out);
	if (rc == -1 && errno == EEXIST)
		return error_set(err, EX_CANTCREAT, "%s: exists", out->path);
	if (rc == -1)
		return error_sys(err, error_code_of(errno), "%s", out->path);
	out->beside[0] = '\0';
	return fd_sync_dir(out->dirfd, out->path, err);
}

void
outfile_drop(struct outfile *out)
{
	fd_drop(&out->fd);
	if (out->dirfd != -1 && out->beside[0] != '\0')
		unlinkat(out->dirfd, out->beside, 0);
	fd_drop(&out->dirfd);
}
