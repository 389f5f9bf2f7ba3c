/* SPDX-License-Identifier: ISC */
#include "disk/copy.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sig.h"
#include "disk/extent.h"

#define COPY_CHUNK ((size_t)16 << 20) /* a call; signals wait so long */
#define COPY_BUF ((size_t)256 << 10) /* stays in a processor's cache */
#define COPY_BLOCK ((size_t)4096)

/* A copy under way. */
struct copy {
	int to, from;
	bool in_kernel;
	bool zeros; /* are written, not left out */
	unsigned char *buf; /* COPY_BUF bytes, or NULL */
	unsigned char *map; /* all of `from`, or NULL */
	uint64_t held_from; /* the mapped pages before it are given back */
	uint64_t done_bytes;
	copy_progress *progress;
	void *arg;
	const char *what;
};

/*
 * Whether the filesystem may do more for a copy than move pages: share them, or
 * leave the work to a server.  Where it surely does not, read and write with a
 * large buffer are a quarter faster than copy_file_range(2).
 */
static bool
may_offload(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && st.f_type != EXT4_SUPER_MAGIC &&
	    st.f_type != TMPFS_MAGIC;
}

/* Two files without names, the first with a block of data: cloned. */
static bool
try_reflink(int from, int to)
{
	static const unsigned char block[COPY_BLOCK] = { 1 };

	return from != -1 && to != -1 &&
	    fd_write(from, block, sizeof(block), "", NULL) == 0 &&
	    ioctl(to, FICLONE, from) == 0;
}

bool
copy_might_reflink(int dirfd)
{
	return may_offload(dirfd);
}

bool
copy_can_reflink(int dirfd)
{
	bool can;
	int from, to;

	if (!may_offload(dirfd))
		return false;
	from = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	to = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	can = try_reflink(from, to);
	fd_drop(&to);
	fd_drop(&from);
	return can;
}

int
copy_reflink(int to, int from, const char *what, struct error *err)
{
	int code = EX_UNAVAILABLE;

	while (ioctl(to, FICLONE, from) == -1) {
		if (errno == EINTR) {
			if (sig_check(err) == -1)
				return -1;
			continue;
		}
		if (errno == EIO || errno == ENOSPC || errno == EDQUOT)
			code = EX_IOERR;
		return error_sys(err, code, "%s", what);
	}
	return 0;
}

static int
count_done(struct copy *c, uint64_t len, struct error *err)
{
	c->done_bytes += len;
	if (c->progress != NULL && c->progress(c->arg, c->done_bytes) == -1)
		return error_set(err, EX_TEMPFAIL, "%s: copy given up",
		    c->what);
	return 0;
}

/*
 * Copies some of `len` bytes at `off` within the kernel: 1 and *got, 0 when it
 * cannot for these two files, -1.
 */
static int
copy_in_kernel(struct copy *c, size_t *got, uint64_t off, size_t len,
    struct error *err)
{
	off_t in = (off_t)off, out = (off_t)off;
	ssize_t n;

	do {
		if (sig_check(err) == -1)
			return -1;
		n = copy_file_range(c->from, &in, c->to, &out, len, 0);
	} while (n == -1 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		return 1;
	}
	/* 0 is the end of the file, or a file that only read(2) knows. */
	if (n == 0 || errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
	    errno == EOPNOTSUPP)
		return 0;
	return error_sys(err, EX_IOERR, "%s", c->what);
}

/* Writes what is not zero, or all, of the `len` bytes at `data`. */
static int
write_data(struct copy *c, const unsigned char *data, uint64_t off, size_t len,
    struct error *err)
{
	size_t at, n, from = 0;

	for (at = 0; !c->zeros && at < len; at += n) {
		n = len - at < COPY_BLOCK ? len - at : COPY_BLOCK;
		if (!extent_is_zero(data + at, n))
			continue;
		if (fd_pwrite(c->to, data + from, at - from, off + from,
			c->what, err) == -1)
			return -1;
		from = at + n;
	}
	return fd_pwrite(c->to, data + from, len - from, off + from, c->what,
	    err);
}

/*
 * Gives back the pages up to `end`, now and then: all that was ever read would
 * count as this process's memory otherwise.
 */
static void
give_back(struct copy *c, uint64_t end)
{
	end -= end % COPY_CHUNK;
	if (end <= c->held_from)
		return;
	madvise(c->map + c->held_from, (size_t)(end - c->held_from),
	    MADV_DONTNEED);
	c->held_from = end;
}

/* Copies some of `len` bytes at `off` by read and write: *got. */
static int
copy_by_hand(struct copy *c, size_t *got, uint64_t off, size_t len,
    struct error *err)
{
	if (c->map != NULL) {
		*got = len;
		/* All at once; a kernel without it takes a fault for each. */
		madvise(c->map + off, len, MADV_POPULATE_READ);
		if (write_data(c, c->map + off, off, len, err) == -1)
			return -1;
		give_back(c, off + len);
		return 0;
	}
	if (c->buf == NULL)
		c->buf = malloc(COPY_BUF);
	if (c->buf == NULL)
		return error_sys(err, EX_OSERR, "%s", c->what);
	if (len > COPY_BUF)
		len = COPY_BUF;
	if (fd_pread(c->from, c->buf, len, off, c->what, err) == -1 ||
	    write_data(c, c->buf, off, len, err) == -1)
		return -1;
	*got = len;
	return 0;
}

static int
copy_extent(struct copy *c, const struct extent *e, struct error *err)
{
	uint64_t off = e->off, end = e->off + e->len;
	size_t n, got = 0;
	int rc;

	for (; off < end; off += got) {
		n = end - off > COPY_CHUNK ? COPY_CHUNK : (size_t)(end - off);
		rc = 0;
		if (c->in_kernel)
			rc = copy_in_kernel(c, &got, off, n, err);
		if (rc == 0) {
			c->in_kernel = false;
			rc = copy_by_hand(c, &got, off, n, err);
		}
		if (rc == -1 || count_done(c, got, err) == -1)
			return -1;
	}
	return 0;
}

static int
run_copy(struct copy *c, uint64_t size, struct error *err)
{
	struct extent e = { 0 };
	struct stat st;
	int rc;

	if (fstat(c->from, &st) == -1)
		return error_sys(err, EX_IOERR, "%s", c->what);
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < size)
		return error_set(err, EX_DATAERR,
		    "%s: source ends at byte %" PRIu64 ", %" PRIu64 " short",
		    c->what, (uint64_t)st.st_size, size - (uint64_t)st.st_size);
	if (ftruncate(c->to, (off_t)size) == -1)
		return error_sys(err, EX_IOERR, "%s", c->what);
	while ((rc = extent_next(&e, c->from, e.off + e.len, size, c->what,
		    err)) == 1) {
		rc = copy_extent(c, &e, err);
		if (rc == -1)
			break;
	}
	free(c->buf);
	return rc;
}

int
copy_extents(int to, int from, uint64_t size, copy_progress *progress,
    void *arg, const char *what, struct error *err)
{
	struct copy c = { .to = to,
		.from = from,
		.in_kernel = may_offload(to),
		.progress = progress,
		.arg = arg,
		.what = what };

	return run_copy(&c, size, err);
}

int
copy_again(int to, int from, uint64_t size, const char *what, struct error *err)
{
	struct copy c = { .to = to, .from = from, .zeros = true, .what = what };

	return run_copy(&c, size, err);
}

/* Whether a link cannot be here, and a copy can. */
static bool
is_no_link(int sys)
{
	return sys == EXDEV || sys == EPERM || sys == EMLINK || sys == EACCES ||
	    sys == EROFS;
}

/*
 * A link to a file of an overlayfs' lower layer moves it to the upper one, where
 * it may have another number; whoever has it open reads on below.
 */
static bool
was_copied_up(int from, const struct stat *was, const struct stat *is)
{
	struct statfs fs;

	return fstatfs(from, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC &&
	    was->st_size == is->st_size &&
	    was->st_mtim.tv_sec == is->st_mtim.tv_sec &&
	    was->st_mtim.tv_nsec == is->st_mtim.tv_nsec;
}

/*
 * Links the file that `from` has open: 1, 0 when links are not possible, -1.
 * Another file can have taken its name meanwhile.
 */
static int
link_file(int from, int to_dirfd, const char *to_name, int from_dirfd,
    const char *from_name, struct error *err)
{
	struct stat want, got;

	if (linkat(from_dirfd, from_name, to_dirfd, to_name, 0) == -1) {
		if (is_no_link(errno))
			return 0;
		if (errno == EEXIST)
			return error_sys(err, EX_CANTCREAT, "%s", to_name);
		return error_sys(err, error_code_of(errno), "%s", to_name);
	}
	if (fstat(from, &want) == -1 ||
	    fstatat(to_dirfd, to_name, &got, AT_SYMLINK_NOFOLLOW) == -1) {
		error_sys(err, EX_IOERR, "%s", to_name);
		unlinkat(to_dirfd, to_name, 0);
		return -1;
	}
	if ((want.st_dev != got.st_dev || want.st_ino != got.st_ino) &&
	    !was_copied_up(from, &want, &got)) {
		unlinkat(to_dirfd, to_name, 0);
		return error_set(err, EX_DATAERR, "%s: was replaced meanwhile",
		    from_name);
	}
	return 1;
}

/* Fills a new file: reflinked where allowed and possible, else copied. */
static int
fill_file(enum copy_how *how, int from, uint64_t size, int to_dirfd,
    const char *to_name, unsigned may, struct error *err)
{
	bool is_new = (may & COPY_HAS_PLACE) == 0;
	struct error why = { 0 };
	int to, rc = -1;

	to = openat(to_dirfd, to_name,
	    O_RDWR | (is_new ? O_CREAT | O_EXCL : 0) | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (to == -1 && errno == EEXIST)
		return error_sys(err, EX_CANTCREAT, "%s", to_name);
	if (to == -1)
		return error_sys(err, error_code_of(errno), "%s", to_name);
	*how = COPY_REFLINKED;
	if ((may & COPY_MAY_REFLINK) != 0)
		rc = copy_reflink(to, from, to_name, &why);
	if (rc == -1 && why.code == 0 && (may & COPY_NO_COPY) != 0)
		error_set(&why, EX_UNAVAILABLE, "%s: cannot be linked",
		    to_name);
	if (rc == -1 && why.code != 0 &&
	    (why.code != EX_UNAVAILABLE || (may & COPY_NO_COPY) != 0)) {
		if (err != NULL)
			*err = why;
		goto out;
	}
	if (rc == -1) {
		*how = COPY_COPIED;
		rc = copy_extents(to, from, size, NULL, NULL, to_name, err);
	}
out:
	if (close(to) == -1 && rc == 0)
		rc = error_sys(err, EX_IOERR, "%s", to_name);
	if (rc == -1 && is_new)
		unlinkat(to_dirfd, to_name, 0);
	return rc;
}

int
copy_file(enum copy_how *how, int to_dirfd, const char *to_name, int from_dirfd,
    const char *from_name, unsigned may, struct error *err)
{
	enum copy_how done = COPY_LINKED;
	uint64_t size;
	int from = -1, rc = 0;

	if (fd_open_file(&from, &size, from_dirfd, from_name, O_RDONLY, err) ==
	    -1)
		return -1;
	if ((may & COPY_MAY_LINK) != 0)
		rc = link_file(from, to_dirfd, to_name, from_dirfd, from_name,
		    err);
	if (rc == 0)
		rc = fill_file(&done, from, size, to_dirfd, to_name, may, err);
	else if (rc == 1)
		rc = 0;
	fd_drop(&from);
	if (rc == 0 && how != NULL)
		*how = done;
	return rc;
}

int
copy_memory(int to, int from, uint64_t size, bool again, const char *what,
    struct error *err)
{
	struct copy c = { .to = to,
		.from = from,
		.zeros = again,
		.what = what };
	struct statfs st;
	void *map;
	int rc;

	/* All of it is in memory: reads bring nothing in, and cost less. */
	if (fstatfs(from, &st) == 0 && st.f_type == TMPFS_MAGIC)
		return run_copy(&c, size, err);
	if (size > SIZE_MAX)
		return error_set(err, EX_DATAERR, "%s: too large", what);
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, from, 0);
	if (map == MAP_FAILED)
		return error_sys(err, EX_IOERR, "%s", what);
	madvise(map, (size_t)size, MADV_RANDOM);
	c.map = map;
	rc = run_copy(&c, size, err);
	munmap(map, (size_t)size);
	return rc;
}
