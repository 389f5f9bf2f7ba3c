/* SPDX-License-Identifier: ISC */
/*
 * A file's data on their way out, by the kernel where it can move them: first
 * into a pipe of our own, until that is full, and then on.  A run of 4 KiB
 * costs a short call that way, not one that locks a pipe which somebody reads
 * and wakes him; and no page between the runs is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "archive/press_impl.h"
#include "base/fd.h"
#include "base/sig.h"

static int
ends_early(const char *name, uint64_t off, struct error *err)
{
	return error_set(err, EX_DATAERR, "%s: ends at byte %" PRIu64, name,
	    off);
}

/* What the kernel did not take, through our memory. */
static ssize_t
copy_on(struct press *p, size_t len, struct error *err)
{
	ssize_t n;

	if (len > sizeof(p->in))
		len = sizeof(p->in);
	n = read(p->inner[0], p->in, len);
	if (n == -1)
		return error_sys(err, EX_OSERR, "pipe");
	if (fd_write(p->fd, p->in, (size_t)n, p->what, err) == -1)
		return -1;
	return n;
}

int
press_flush(struct press *p, struct error *err)
{
	size_t step;
	ssize_t n;

	while (p->inner_n != 0) {
		step = press_step(p, p->inner_n);
		n = splice(p->inner[0], NULL, p->fd, NULL, step, SPLICE_F_MORE);
		if (n == -1 && errno == EINTR) {
			if (sig_check(err) == -1)
				return -1;
			continue;
		}
		if (n == -1 && (errno == EINVAL || errno == ENOSYS))
			n = copy_on(p, step, err);
		else if (n == -1)
			error_sys(err, EX_IOERR, "%s", p->what);
		if (n == -1)
			return -1;
		p->inner_n -= (size_t)n;
		if (press_account(p, (uint64_t)n, err) == -1)
			return -1;
	}
	return 0;
}

/* The kernel's answer to a splice(2) of the file that moved nothing. */
static int
look_at_failure(struct press *p, const char *name, struct error *err)
{
	if (errno == EAGAIN && p->inner_n != 0)
		return press_flush(p, err);
	if (errno == EINTR)
		return sig_check(err);
	if (errno != EINVAL && errno != ENOSYS)
		return error_sys(err, EX_IOERR, "%s", name);
	if (press_flush(p, err) == -1)
		return -1;
	fd_drop(&p->inner[0]);
	fd_drop(&p->inner[1]);
	return 0;
}

/* Advances *off and *len; what the kernel cannot move is left. */
static int
move_file(struct press *p, int fd, uint64_t *off, uint64_t *len,
    const char *name, struct error *err)
{
	off_t at = (off_t)*off;
	ssize_t n;

	while (*len != 0 && p->inner[1] != -1) {
		n = splice(fd, &at, p->inner[1], NULL, (size_t)*len,
		    SPLICE_F_MORE | SPLICE_F_NONBLOCK);
		if (n == 0)
			return ends_early(name, *off, err);
		if (n == -1) {
			if (look_at_failure(p, name, err) == -1)
				return -1;
			continue;
		}
		p->inner_n += (size_t)n;
		*off += (uint64_t)n;
		*len -= (uint64_t)n;
	}
	return 0;
}

int
press_file(struct press *p, int fd, uint64_t off, uint64_t len,
    const char *name, struct error *err)
{
	size_t n;

	if (move_file(p, fd, &off, &len, name, err) == -1)
		return -1;
	for (; len != 0; len -= n, off += n) {
		n = sizeof(p->in) - p->in_n;
		if (n > len)
			n = (size_t)len;
		if (fd_pread(fd, p->in + p->in_n, n, off, name, err) == -1)
			return -1;
		if (p->kind == ARCHIVE_PLAIN) {
			if (press_write(p, p->in, n, err) == -1)
				return -1;
			continue;
		}
		p->in_n += n;
		if (p->in_n == sizeof(p->in) && press_pack(p, err) == -1)
			return -1;
	}
	return 0;
}
