/* SPDX-License-Identifier: ISC */
#include "pack.h"

#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/sig.h"

#define BLOCK_BYTES 65536

struct pack {
	struct archive *to;
	bool sparse;
	pack_write *write;
	void *arg;
	struct error *err; /* of `write` */
};

static la_ssize_t
write_stream(struct archive *a, void *arg, const void *bytes, size_t len)
{
	struct pack *p = arg;

	if (p->write(p->arg, bytes, len, p->err) == 0)
		return (la_ssize_t)len;
	archive_set_error(a, EIO, "not written");
	return -1;
}

/* What libarchive says, unless `write` has said what it was. */
static int
broken(const struct pack *p, const char *path, struct error *err)
{
	return err != NULL && err->code != 0
	    ? -1
	    : error_set(err, EX_IOERR, "%s: %s", path,
		  archive_error_string(p->to));
}

/* Its data, as far as there are any; the rest of the file is holes. */
static int
note_data(struct archive_entry *entry, int fd, off_t size)
{
	off_t data = 0, hole;
	bool has_data = false;

	while (data < size) {
		data = lseek(fd, data, SEEK_DATA);
		if (data == -1)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole == -1)
			return -1;
		archive_entry_sparse_add_entry(entry, data, hole - data);
		has_data = true;
		data = hole;
	}
	/* One that is a hole alone has an empty piece at its end. */
	if (data == -1 && !has_data)
		archive_entry_sparse_add_entry(entry, size, 0);
	return 0;
}

static int
put_data(struct pack *p, int fd, off_t left, const char *path,
    struct error *err)
{
	char block[BLOCK_BYTES];
	size_t want, got;

	while (left > 0) {
		want = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
		if (fd_read(&got, fd, block, want, path, err) == -1)
			return -1;
		if (got < want)
			return error_set(err, EX_DATAERR,
			    "%s: has become shorter", path);
		if (archive_write_data(p->to, block, got) < 0)
			return broken(p, path, err);
		left -= (off_t)got;
	}
	return 0;
}

static int
put_file(struct pack *p, int fd, struct archive_entry *entry,
    const struct stat *st, const char *path, struct error *err)
{
	archive_entry_set_size(entry, st->st_size);
	if (p->sparse && note_data(entry, fd, st->st_size) == -1)
		return error_sys(err, EX_IOERR, "%s", path);
	if (lseek(fd, 0, SEEK_SET) == -1)
		return error_sys(err, EX_IOERR, "%s", path);
	if (archive_write_header(p->to, entry) < ARCHIVE_WARN)
		return broken(p, path, err);
	return put_data(p, fd, st->st_size, path, err);
}

static int
put_link(struct pack *p, int dirfd, const char *leaf,
    struct archive_entry *entry, const char *path, struct error *err)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(dirfd, leaf, to, sizeof(to) - 1);

	if (n == -1)
		return error_sys(err, EX_IOERR, "%s", path);
	to[n] = '\0';
	archive_entry_set_symlink(entry, to);
	return archive_write_header(p->to, entry) < ARCHIVE_WARN
	    ? broken(p, path, err)
	    : 0;
}

static int put_any(struct pack *p, int dirfd, const char *leaf,
    const char *path, const char *name, unsigned depth, struct error *err);

static int
put_all(struct pack *p, int fd, const char *path, const char *name,
    unsigned depth, struct error *err)
{
	struct strv leaves = { 0 };
	char *below, *as;
	size_t i;
	int rc;

	if (depth == PACK_DEPTH_MAX)
		return error_set(err, EX_DATAERR,
		    "%s: more than %d directories deep", path, PACK_DEPTH_MAX);
	rc = dir_list(&leaves, fd, path, err);
	for (i = 0; rc == 0 && i < leaves.n; i++) {
		below = path_format("%s/%s", path, leaves.v[i]);
		as = path_format("%s/%s", name, leaves.v[i]);
		rc = below == NULL || as == NULL
		    ? error_nomem(err, NULL)
		    : put_any(p, fd, leaves.v[i], below, as, depth + 1, err);
		free(below);
		free(as);
	}
	strv_fini(&leaves);
	return rc;
}

static int
other_kind(const char *path, struct error *err)
{
	return error_set(err, EX_DATAERR,
	    "%s: neither a file, a directory nor a symbolic link", path);
}

/* Opened first, and looked at then: it is what it was. */
static int
put_open(struct pack *p, int fd, struct archive_entry *entry, const char *path,
    const char *name, unsigned depth, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return error_sys(err, EX_IOERR, "%s", path);
	archive_entry_set_mode(entry, st.st_mode);
	archive_entry_set_mtime(entry, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (S_ISREG(st.st_mode))
		return put_file(p, fd, entry, &st, path, err);
	if (!S_ISDIR(st.st_mode))
		return other_kind(path, err);
	if (archive_write_header(p->to, entry) < ARCHIVE_WARN)
		return broken(p, path, err);
	return put_all(p, fd, path, name, depth, err);
}

static int
put_any(struct pack *p, int dirfd, const char *leaf, const char *path,
    const char *name, unsigned depth, struct error *err)
{
	struct archive_entry *entry = archive_entry_new();
	struct stat st;
	int fd = -1, rc;

	if (entry == NULL)
		return error_nomem(err, NULL);
	archive_entry_set_pathname(entry, name);
	if (sig_check(err) == -1)
		rc = -1;
	else if (fstatat(dirfd, leaf, &st,
		     depth == 0 ? 0 : AT_SYMLINK_NOFOLLOW) == -1)
		rc = error_sys(err, error_code_of(errno), "%s", path);
	else if (S_ISLNK(st.st_mode)) {
		archive_entry_set_mode(entry, st.st_mode);
		archive_entry_set_mtime(entry, st.st_mtim.tv_sec,
		    st.st_mtim.tv_nsec);
		rc = put_link(p, dirfd, leaf, entry, path, err);
	} else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		/* Not even opened: whoever has the other end would see that. */
		rc = other_kind(path, err);
	else if ((fd = openat(dirfd, leaf,
		      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
			  (depth == 0 ? 0 : O_NOFOLLOW))) == -1)
		rc = error_sys(err, error_code_of(errno), "%s", path);
	else
		rc = put_open(p, fd, entry, path, name, depth, err);
	fd_drop(&fd);
	archive_entry_free(entry);
	return rc;
}

/*
 * Holes need the pax form, which not every tar knows.  There is no locale set:
 * names are the bytes that they are.
 */
static int
set_up(struct pack *p)
{
	int rc = p->sparse ? archive_write_set_format_pax_restricted(p->to)
			   : archive_write_set_format_gnutar(p->to);

	if (rc == ARCHIVE_OK)
		rc = archive_write_set_bytes_per_block(p->to, BLOCK_BYTES);
	if (rc == ARCHIVE_OK)
		rc = archive_write_open(p->to, p, NULL, write_stream, NULL);
	return rc;
}

int
pack_tree(const char *path, const char *name, bool sparse, pack_write *write,
    void *arg, struct error *err)
{
	struct error why = { 0 };
	struct pack p = { .sparse = sparse,
		.write = write,
		.arg = arg,
		.err = &why };
	int rc;

	p.to = archive_write_new();
	if (p.to == NULL)
		return error_nomem(err, NULL);
	rc = set_up(&p) != ARCHIVE_OK
	    ? broken(&p, path, &why)
	    : put_any(&p, AT_FDCWD, path, path, name, 0, &why);
	if (rc == 0 && archive_write_close(p.to) != ARCHIVE_OK)
		rc = broken(&p, path, &why);
	/* One that is given up must not write its end. */
	if (rc == -1)
		archive_write_fail(p.to);
	archive_write_free(p.to);
	if (rc == -1 && err != NULL)
		*err = why;
	return rc;
}
