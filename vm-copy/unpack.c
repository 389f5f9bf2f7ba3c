/* SPDX-License-Identifier: ISC */
#include "unpack.h"

#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/fd.h"
#include "base/path.h"

#define BLOCK_BYTES 65536
#define MODE_MASK 0777 /* no set-id bits of a guest's */
#define FILE_BYTES_MAX (INT64_C(8) << 40)

/* A directory that was made. */
struct late {
	char *path;
	mode_t mode;
	struct timespec mtime;
};

struct unpack {
	int fd, dirfd;
	const char *name;
	struct archive *from;
	struct late *late;
	size_t late_n;
	char block[BLOCK_BYTES];
};

static int
damaged(const struct unpack *u, struct error *err)
{
	return error_set(err, EX_DATAERR, "what the guest sent: %s",
	    archive_error_string(u->from));
}

static la_ssize_t
read_block(struct archive *a, void *arg, const void **out)
{
	struct unpack *u = arg;
	size_t got;

	*out = u->block;
	if (fd_read(&got, u->fd, u->block, sizeof(u->block), "archive", NULL) ==
	    0)
		return (la_ssize_t)got;
	archive_set_error(a, EIO, "not read");
	return -1;
}

/*
 * The next component of *path, which moves on behind it; its end is a NUL then.
 * NULL: there is none.
 */
static char *
next_part(char **path)
{
	char *part = *path + strspn(*path, "/");

	if (*part == '\0')
		return NULL;
	*path = part + strcspn(part, "/");
	if (**path != '\0')
		*(*path)++ = '\0';
	return part;
}

/*
 * Opens the directory that `path` is in, whose parts are there, and no links:
 * *fd is the caller's, *leaf is in `path`, which is taken apart.
 */
static int
open_parent(const struct unpack *u, char *path, int *fd, char **leaf,
    struct error *err)
{
	unsigned depth = 0;
	char *part, *next;
	int dirfd, below;

	dirfd = fcntl(u->dirfd, F_DUPFD_CLOEXEC, 0);
	part = path[0] == '/' ? NULL : next_part(&path);
	if (dirfd == -1 || part == NULL || strcmp(part, u->name) != 0)
		goto wrong;
	while ((next = next_part(&path)) != NULL) {
		if (++depth > UNPACK_DEPTH_MAX || strcmp(next, ".") == 0 ||
		    strcmp(next, "..") == 0)
			goto wrong;
		below = openat(dirfd, part,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fd_drop(&dirfd);
		if (below == -1)
			goto wrong;
		dirfd = below;
		part = next;
	}
	*fd = dirfd;
	*leaf = part;
	return 0;
wrong:
	fd_drop(&dirfd);
	return error_set(err, EX_DATAERR,
	    "what the guest sent: a name that leads elsewhere");
}

static bool
is_zero(const char *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* What is zero is a hole, for many a tar knows none. */
static int
write_data(struct unpack *u, int fd, int64_t size, const char *leaf,
    struct error *err)
{
	const void *bytes;
	size_t len;
	la_int64_t off;
	int rc;

	while ((rc = archive_read_data_block(u->from, &bytes, &len, &off)) ==
	    ARCHIVE_OK) {
		if (off < 0 || off > size || len > (uint64_t)(size - off))
			return error_set(err, EX_DATAERR,
			    "what the guest sent: data behind the end of %s",
			    leaf);
		if (is_zero(bytes, len))
			continue;
		if (fd_pwrite(fd, bytes, len, (uint64_t)off, leaf, err) == -1)
			return -1;
	}
	if (rc != ARCHIVE_EOF)
		return damaged(u, err);
	return ftruncate(fd, size) == -1 ? error_sys(err, EX_IOERR, "%s", leaf)
					 : 0;
}

/* What cannot be set is not: a time is no reason to fail. */
static void
set_times(int fd, const struct timespec *mtime)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, *mtime };

	futimens(fd, times);
}

static int
make_file(struct unpack *u, int dirfd, const char *leaf,
    struct archive_entry *entry, struct error *err)
{
	const struct timespec mtime = { archive_entry_mtime(entry),
		archive_entry_mtime_nsec(entry) };
	int64_t size = archive_entry_size(entry);
	int fd, rc;

	if (size < 0 || size > FILE_BYTES_MAX)
		return error_set(err, EX_DATAERR,
		    "what the guest sent: the size of %s", leaf);
	fd = openat(dirfd, leaf,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", leaf);
	rc = write_data(u, fd, size, leaf, err);
	if (rc == 0 && fchmod(fd, archive_entry_perm(entry) & MODE_MASK) == -1)
		rc = error_sys(err, EX_IOERR, "%s", leaf);
	if (rc == 0)
		set_times(fd, &mtime);
	fd_drop(&fd);
	return rc;
}

/* It can be written to until all is there: then it gets its mode. */
static int
make_dir(int dirfd, const char *leaf, struct error *err)
{
	if (mkdirat(dirfd, leaf, 0700) == -1 && errno != EEXIST)
		return error_sys(err, error_code_of(errno), "%s", leaf);
	return 0;
}

static int
make_hard_link(const struct unpack *u, int dirfd, const char *leaf,
    const char *to, struct error *err)
{
	char *path = strdup(to), *from_leaf;
	struct stat st;
	int from = -1, rc;

	if (path == NULL)
		return error_nomem(err, NULL);
	rc = open_parent(u, path, &from, &from_leaf, err);
	if (rc == 0 &&
	    (fstatat(from, from_leaf, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		!S_ISREG(st.st_mode) ||
		linkat(from, from_leaf, dirfd, leaf, 0) == -1))
		rc = error_set(err, EX_DATAERR,
		    "what the guest sent: %s is a link to nothing", leaf);
	fd_drop(&from);
	free(path);
	return rc;
}

static int
make_entry(struct unpack *u, int dirfd, const char *leaf,
    struct archive_entry *entry, struct error *err)
{
	const char *to = archive_entry_hardlink(entry);

	if (!path_is_name(leaf))
		return error_set(err, EX_DATAERR,
		    "what the guest sent: \"%s\" is no name", leaf);
	if (to != NULL)
		return make_hard_link(u, dirfd, leaf, to, err);
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return make_file(u, dirfd, leaf, entry, err);
	case AE_IFDIR:
		return make_dir(dirfd, leaf, err);
	case AE_IFLNK:
		to = archive_entry_symlink(entry);
		if (to != NULL && symlinkat(to, dirfd, leaf) == 0)
			return 0;
		return error_sys(err, error_code_of(errno), "%s", leaf);
	default:
		return error_set(err, EX_DATAERR,
		    "%s: neither a file, a directory nor a link", leaf);
	}
}

/* A directory gets its mode and time when all is there. */
static int
note_dir(struct unpack *u, const char *path, struct archive_entry *entry,
    struct error *err)
{
	struct late *grown;
	size_t cap;

	if ((u->late_n & (u->late_n - 1)) == 0) {
		cap = u->late_n == 0 ? 1 : u->late_n * 2;
		grown = realloc(u->late, cap * sizeof(*grown));
		if (grown == NULL)
			return error_nomem(err, NULL);
		u->late = grown;
	}
	u->late[u->late_n] = (struct late){ .path = strdup(path),
		.mode = archive_entry_perm(entry) & MODE_MASK,
		.mtime = { archive_entry_mtime(entry),
		    archive_entry_mtime_nsec(entry) } };
	return u->late[u->late_n++].path == NULL ? error_nomem(err, NULL) : 0;
}

/* The deeper ones first, for one above may not be entered any more. */
static int
finish_dirs(struct unpack *u, struct error *err)
{
	struct late *late;
	int dirfd, fd, rc = 0;
	char *leaf;

	while (rc == 0 && u->late_n > 0) {
		late = &u->late[--u->late_n];
		rc = open_parent(u, late->path, &dirfd, &leaf, err);
		if (rc == -1)
			break;
		fd = openat(dirfd, leaf,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1 || fchmod(fd, late->mode) == -1)
			rc = error_sys(err, EX_IOERR, "%s", leaf);
		else
			set_times(fd, &late->mtime);
		fd_drop(&fd);
		fd_drop(&dirfd);
		free(late->path);
	}
	return rc;
}

static int
take_entry(struct unpack *u, struct archive_entry *entry, struct error *err)
{
	const char *name = archive_entry_pathname(entry);
	char *path = name == NULL ? NULL : strdup(name), *leaf;
	int dirfd, rc;

	if (path == NULL)
		return error_set(err, EX_DATAERR,
		    "what the guest sent: an entry without a name");
	rc = open_parent(u, path, &dirfd, &leaf, err);
	if (rc == 0) {
		rc = make_entry(u, dirfd, leaf, entry, err);
		fd_drop(&dirfd);
	}
	if (rc == 0 && archive_entry_hardlink(entry) == NULL &&
	    archive_entry_filetype(entry) == AE_IFDIR)
		rc = note_dir(u, name, entry, err);
	free(path);
	return rc;
}

static int
read_all(struct unpack *u, struct error *err)
{
	struct archive_entry *entry;
	uint64_t n = 0;
	int rc = 0, got;

	archive_read_support_format_tar(u->from);
	if (archive_read_open(u->from, u, NULL, read_block, NULL) != ARCHIVE_OK)
		rc = damaged(u, err);
	while (rc == 0 &&
	    (got = archive_read_next_header(u->from, &entry)) != ARCHIVE_EOF) {
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			rc = damaged(u, err);
		else if (n++ == UNPACK_ENTRIES_MAX)
			rc = error_set(err, EX_DATAERR,
			    "what the guest sent: more than %d files",
			    UNPACK_ENTRIES_MAX);
		else
			rc = take_entry(u, entry, err);
	}
	if (rc == 0 && n == 0)
		rc = error_set(err, EX_DATAERR, "what the guest sent: nothing");
	return rc;
}

/* In a process of its own, whose memory goes with it. */
static int
unpack_aside(void *arg, struct aside_answer *answer, struct error *err)
{
	struct unpack *u = arg;

	(void)answer;
	if (lseek(u->fd, 0, SEEK_SET) == -1)
		return error_sys(err, EX_IOERR, "archive");
	u->from = archive_read_new();
	if (u->from == NULL)
		return error_nomem(err, NULL);
	return read_all(u, err) == -1 ? -1 : finish_dirs(u, err);
}

int
unpack_tree(int fd, int dirfd, const char *name, struct error *err)
{
	struct unpack u = { .fd = fd, .dirfd = dirfd, .name = name };
	const struct aside aside = { .what = "unpacking",
		.run = unpack_aside,
		.arg = &u,
		.sandbox = { .dirfds = &dirfd, .n = 1 },
		.fds = &fd,
		.fds_n = 1 };

	return aside_ask(&aside, NULL, 0, err);
}
