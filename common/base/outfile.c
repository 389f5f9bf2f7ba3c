/* SPDX-License-Identifier: ISC */
#include "base/outfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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
	/* It is the file to come that is not there: nothing to be read. */
	if (fd == -1)
		return error_sys(err,
		    errno == ENOENT || errno == ENOTDIR ? EX_CANTCREAT
							: error_code_of(errno),
		    "%s", path);
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

/* Opens what is to be written. */
static int
open_beside(struct outfile *o, unsigned flags, struct error *err)
{
	char id[ID_LEN + 1];

	/* Without a name nothing remains of it when this process is killed. */
	if ((flags & OUTFILE_REPLACE) == 0)
		o->fd = openat(o->dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC,
		    0600);
	if (o->fd != -1)
		return 0;
	if (id_new(id, err) == -1)
		return -1;
	snprintf(o->beside, sizeof(o->beside), ".new-%s", id);
	o->fd = openat(o->dirfd, o->beside,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o->fd == -1)
		return error_sys(err, error_code_of(errno), "%s", o->path);
	return 0;
}

int
outfile_open(struct outfile *out, const char *path, unsigned flags,
    struct error *err)
{
	struct outfile o = OUTFILE_NONE;

	o.path = path;
	o.name = path_base(path);
	if (o.name[0] == '\0' || strcmp(o.name, ".") == 0 ||
	    strcmp(o.name, "..") == 0)
		return error_set(err, EX_CANTCREAT, "%s: not a file's name",
		    path);
	if (open_parent(&o.dirfd, path, o.name, err) == -1)
		return -1;
	if (check_name(&o, flags, err) == -1 ||
	    open_beside(&o, flags, err) == -1) {
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

/* open(2), O_TMPFILE: how an open file gets a name. */
static int
link_to_new(const struct outfile *out)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", out->fd);
	return linkat(AT_FDCWD, self, out->dirfd, out->name, AT_SYMLINK_FOLLOW);
}

int
outfile_publish(struct outfile *out, unsigned flags, struct error *err)
{
	bool sync = (flags & OUTFILE_NOSYNC) == 0;
	int rc;

	if (sync && fsync(out->fd) == -1)
		return error_sys(err, EX_IOERR, "%s", out->path);
	if (out->beside[0] == '\0')
		rc = link_to_new(out);
	else if ((flags & OUTFILE_REPLACE) != 0)
		rc = renameat(out->dirfd, out->beside, out->dirfd, out->name);
	else
		rc = rename_to_new(out);
	if (rc == -1 && errno == EEXIST)
		return error_set(err, EX_CANTCREAT, "%s: exists", out->path);
	if (rc == -1)
		return error_sys(err, error_code_of(errno), "%s", out->path);
	out->beside[0] = '\0';
	fd_drop(&out->fd);
	return sync ? fd_sync_dir(out->dirfd, out->path, err) : 0;
}

void
outfile_drop(struct outfile *out)
{
	fd_drop(&out->fd);
	if (out->dirfd != -1 && out->beside[0] != '\0')
		unlinkat(out->dirfd, out->beside, 0);
	fd_drop(&out->dirfd);
}
