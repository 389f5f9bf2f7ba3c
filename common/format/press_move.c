/* SPDX-License-Identifier: ISC */
/* A file's data on their way out, by the kernel where it can move them. */
#include <sys/mman.h>
#include <sys/sendfile.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sig.h"
#include "format/press_impl.h"

/* Moves some bytes in the kernel: how many, 0 at the file's end, -1. */
static ssize_t
move_some(struct press *p, int fd, off_t *off, size_t len)
{
	if (p->move == MOVE_SPLICE)
		return splice(fd, off, p->fd, NULL, len, SPLICE_F_MORE);
	return sendfile(p->fd, fd, off, len);
}

static int
ends_early(const char *name, uint64_t off, struct error *err)
{
	return error_set(err, EX_DATAERR, "%s: ends at byte %" PRIu64, name,
	    off);
}

/* Advances *off and *len; what the kernel cannot move is left. */
static int
move_file(struct press *p, int fd, uint64_t *off, uint64_t *len,
    const char *name, struct error *err)
{
	off_t at = (off_t)*off;
	ssize_t n;

	while (*len != 0) {
		n = move_some(p, fd, &at, press_step(p, *len));
		if (n == 0)
			return ends_early(name, *off, err);
		if (n == -1 && errno == EINTR) {
			if (sig_check(err) == -1)
				return -1;
			continue;
		}
		if (n == -1 && (errno == EINVAL || errno == ENOSYS)) {
			p->move = MOVE_COPY;
			return 0;
		}
		if (n == -1)
			return error_sys(err, EX_IOERR, "%s", p->what);
		*off += (uint64_t)n;
		*len -= (uint64_t)n;
		if (press_account(p, (uint64_t)n, err) == -1)
			return -1;
	}
	return 0;
}

/* Maps the window of the file that `off` is in; the last one may be cut. */
static int
map_window(struct press *p, int fd, uint64_t off, const char *name,
    struct error *err)
{
	void *at;

	if (press_flush(p, err) == -1)
		return -1;
	off -= off % PRESS_WINDOW;
	at = mmap(NULL, PRESS_WINDOW, PROT_READ, MAP_SHARED, fd, (off_t)off);
	if (at == MAP_FAILED)
		return error_sys(err, EX_OSERR, "%s", name);
	p->window = at;
	p->window_off = off;
	return 0;
}

int
press_flush(struct press *p, struct error *err)
{
	struct iovec *v = p->batch;
	size_t left = p->batch_n;
	int rc = 0;
	ssize_t n;

	while (left != 0 && rc == 0) {
		n = vmsplice(p->fd, v, left, 0);
		if (n == -1 && errno == EINTR) {
			rc = sig_check(err);
			continue;
		}
		if (n == -1) {
			rc = error_sys(err, EX_IOERR, "%s", p->what);
			break;
		}
		rc = press_account(p, (uint64_t)n, err);
		for (; left != 0 && (size_t)n >= v->iov_len; v++, left--)
			n -= (ssize_t)v->iov_len;
		if (left != 0) {
			v->iov_base = (char *)v->iov_base + n;
			v->iov_len -= (size_t)n;
		}
	}
	p->batch_n = 0;
	if (p->window != NULL)
		munmap(p->window, PRESS_WINDOW);
	p->window = NULL;
	return rc;
}

/*
 * Puts a small run off, to be moved with others by one call: from a mapping,
 * which vmsplice(2) takes by page and does not copy.  A page that cannot be
 * read is an error of that call (EFAULT), no signal.
 */
static int
put_off(struct press *p, int fd, uint64_t off, size_t len, const char *name,
    struct error *err)
{
	if (p->batch_n == PRESS_BATCH && press_flush(p, err) == -1)
		return -1;
	if ((p->window == NULL || off < p->window_off ||
		off + len > p->window_off + PRESS_WINDOW) &&
	    map_window(p, fd, off, name, err) == -1)
		return -1;
	p->batch[p->batch_n].iov_base = p->window + (off - p->window_off);
	p->batch[p->batch_n].iov_len = len;
	p->batch_n++;
	return 0;
}

int
press_file(struct press *p, int fd, uint64_t off, uint64_t len,
    const char *name, struct error *err)
{
	size_t n;

	if (p->kind == ARCHIVE_PLAIN && p->move == MOVE_SPLICE &&
	    len < PRESS_SMALL && off % PRESS_WINDOW + len <= PRESS_WINDOW)
		return put_off(p, fd, off, (size_t)len, name, err);
	if (press_flush(p, err) == -1)
		return -1;
	if (p->kind == ARCHIVE_PLAIN && p->move != MOVE_COPY &&
	    move_file(p, fd, &off, &len, name, err) == -1)
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
