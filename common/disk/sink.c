/* SPDX-License-Identifier: ISC */
#include "disk/sink.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/sig.h"
#include "disk/extent.h"

/*
 * Large enough that calls do not count, small enough to stay in the processor's
 * cache, which others use, too: twice as much costs a tenth of the time.
 */
#define SINK_BUF_BYTES (128 * 1024)
#define SINK_REFLINK_MAX (UINT64_C(1) << 30) /* one call stays short */

/* Where the image begins, or -1 when it must be a stream. */
static int64_t
start_of(int fd)
{
	struct stat st;
	off_t pos;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || (flags & O_APPEND) != 0 || fstat(fd, &st) == -1 ||
	    !S_ISREG(st.st_mode))
		return -1;
	pos = lseek(fd, 0, SEEK_CUR);
	return pos == -1 || pos < st.st_size ? -1 : pos;
}

int
sink_init(struct sink *s, int fd, const char *what, struct error *err)
{
	struct statvfs vfs;
	int64_t start = start_of(fd);

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->what = what;
	s->is_file = start != -1;
	s->start = s->is_file ? (uint64_t)start : 0;
	s->may_reflink = s->is_file && fstatvfs(fd, &vfs) == 0 &&
	    vfs.f_bsize != 0 && (vfs.f_bsize & (vfs.f_bsize - 1)) == 0;
	s->reflink_unit = s->may_reflink ? vfs.f_bsize : 1;
	s->buf = malloc(SINK_BUF_BYTES);
	if (s->buf == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	return 0;
}

int
sink_open(struct sink *s, const struct outfile *file, struct error *err)
{
	if (file->fd == -1)
		return sink_init(s, STDOUT_FILENO, "standard output", err);
	if (sink_init(s, file->fd, file->path, err) == -1)
		return -1;
	s->will_sync = true;
	return 0;
}

void
sink_fini(struct sink *s)
{
	writeback_fini(&s->writeback);
	free(s->buf);
	s->buf = NULL;
}

/* Bytes up to the next block of the file, at most `len`. */
static size_t
block_part(uint64_t off, size_t len)
{
	size_t part = SINK_BLOCK - (size_t)(off % SINK_BLOCK);

	return part < len ? part : len;
}

/* Writes what is not zero, in runs as long as possible. */
static int
write_sparse(struct sink *s, const unsigned char *p, size_t len,
    struct error *err)
{
	uint64_t at = s->start + s->off;
	size_t run = 0, pos = 0, part;
	bool zero;

	while (pos < len || run > 0) {
		part = block_part(at + pos, len - pos);
		zero = part == 0 || extent_is_zero(p + pos, part);
		if (zero && run > 0) {
			if (fd_pwrite(s->fd, p + pos - run, run, at + pos - run,
				s->what, err) == -1)
				return -1;
			run = 0;
		}
		pos += part;
		if (!zero)
			run += part;
	}
	return 0;
}

int
sink_data(struct sink *s, const void *buf, size_t len, struct error *err)
{
	int rc;

	if (s->is_file)
		rc = write_sparse(s, buf, len, err);
	else
		rc = fd_write(s->fd, buf, len, s->what, err);
	s->off += len;
	if (s->will_sync)
		writeback_to(&s->writeback, s->fd, s->start + s->off);
	return rc;
}

int
sink_zeros(struct sink *s, uint64_t len, struct error *err)
{
	uint64_t left = s->is_file ? 0 : len;
	size_t part;

	if (left > 0)
		memset(s->buf, 0, SINK_BUF_BYTES);
	while (left > 0) {
		part = left < SINK_BUF_BYTES ? (size_t)left : SINK_BUF_BYTES;
		if (fd_write(s->fd, s->buf, part, s->what, err) == -1)
			return -1;
		left -= part;
	}
	s->off += len;
	return sig_check(err);
}

static int
copy_bytes(struct sink *s, int from, uint64_t off, uint64_t len,
    const char *what, struct error *err)
{
	size_t part;

	while (len > 0) {
		part = len < SINK_BUF_BYTES ? (size_t)len : SINK_BUF_BYTES;
		if (fd_pread(from, s->buf, part, off, what, err) == -1)
			return -1;
		if (sink_data(s, s->buf, part, err) == -1)
			return -1;
		off += part;
		len -= part;
	}
	return 0;
}

/*
 * Shares what lies on whole blocks in both files: 1 when it was done, 0 when
 * it cannot be (nothing is written then), -1.
 */
static int
try_reflink(struct sink *s, int from, uint64_t off, uint64_t len,
    struct error *err)
{
	struct file_clone_range range = { .src_fd = from };
	uint64_t part;

	while (len > 0) {
		part = len < SINK_REFLINK_MAX ? len : SINK_REFLINK_MAX;
		range.src_offset = off;
		range.src_length = part;
		range.dest_offset = s->start + s->off;
		if (sig_check(err) == -1)
			return -1;
		if (ioctl(s->fd, FICLONERANGE, &range) == -1) {
			if (errno == ENOSPC || errno == EIO || errno == EDQUOT)
				return error_sys(err, EX_IOERR, "%s", s->what);
			s->may_reflink = false;
			return 0;
		}
		s->off += part;
		s->reflinked += part;
		off += part;
		len -= part;
	}
	return 1;
}

/* One run of data: its edges copied, the blocks between them shared. */
static int
copy_run(struct sink *s, int from, uint64_t off, uint64_t len, const char *what,
    struct error *err)
{
	uint64_t unit = s->reflink_unit, edge, end = off + len, middle;
	uint64_t before = s->off;
	int shared;

	edge = num_round_up(off, unit) - off;
	if (!s->may_reflink || (s->start + s->off) % unit != off % unit ||
	    edge >= len || len - edge < unit)
		return copy_bytes(s, from, off, len, what, err);
	middle = (len - edge) / unit * unit;
	if (copy_bytes(s, from, off, edge, what, err) == -1)
		return -1;
	shared = try_reflink(s, from, off + edge, middle, err);
	if (shared == -1)
		return -1;
	off += s->off - before;
	return copy_bytes(s, from, off, end - off, what, err);
}

int
sink_copy(struct sink *s, int from, uint64_t off, uint64_t len,
    const char *what, struct error *err)
{
	uint64_t end = off + len, stop;
	struct extent data;
	int more;

	while (off < end) {
		more = extent_next(&data, from, off, end, what, err);
		if (more == -1)
			return -1;
		stop = more == 0 ? end : data.off;
		if (stop > off && sink_zeros(s, stop - off, err) == -1)
			return -1;
		if (more == 0)
			break;
		if (copy_run(s, from, data.off, data.len, what, err) == -1)
			return -1;
		off = data.off + data.len;
	}
	return 0;
}

int
sink_finish(struct sink *s, struct error *err)
{
	off_t end = (off_t)(s->start + s->off);

	writeback_wait(&s->writeback);
	if (!s->is_file)
		return 0;
	/* The position too: whoever shares the descriptor writes behind it. */
	if (ftruncate(s->fd, end) == -1 || lseek(s->fd, end, SEEK_SET) == -1)
		return error_sys(err, EX_IOERR, "%s", s->what);
	return 0;
}
