/* SPDX-License-Identifier: ISC */
#include "archive/output.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/tar_head.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

#define PIPE_BYTES (1 << 20) /* pipe(7): what anybody may ask for */
#define STEP_MAX (1u << 20) /* bytes between two looks at rate, signals */
#define COPY_BYTES (256u << 10)

/*
 * A file's data are moved first into a pipe of our own, until that is full, and
 * then on.  A run of 4 KiB costs a short call that way, not one that locks a
 * pipe which somebody reads and wakes him; and no page between the runs is
 * touched.
 */
struct output {
	int fd;
	const char *what;
	uint64_t bytes;
	uint64_t rate;
	int64_t start_us;
	int inner[2]; /* the pipe; -1: the kernel cannot move them */
	size_t inner_n; /* bytes that wait in it */
	unsigned char copy[COPY_BYTES];
};

int
output_new(struct output **out, int fd, const char *what, uint64_t rate,
    bool has_files, struct error *err)
{
	struct output *o = calloc(1, sizeof(*o));
	struct stat st;

	if (o == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	o->fd = fd;
	o->what = what;
	o->rate = rate;
	o->start_us = clock_us();
	o->inner[0] = o->inner[1] = -1;
	if (has_files && pipe2(o->inner, O_CLOEXEC) == -1)
		o->inner[0] = o->inner[1] = -1; /* they are copied then */
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		/* Or as they are; a file copies from a small one faster. */
		fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
		fcntl(o->inner[1], F_SETPIPE_SZ, PIPE_BYTES);
	}
	*out = o;
	return 0;
}

void
output_free(struct output *o)
{
	if (o == NULL)
		return;
	fd_drop(&o->inner[0]);
	fd_drop(&o->inner[1]);
	free(o);
}

uint64_t
output_bytes(const struct output *o)
{
	return o->bytes;
}

/* Counts what went out, and waits until the rate allows more. */
static int
count_out(struct output *o, uint64_t len, struct error *err)
{
	int64_t due_us, ahead_us;

	o->bytes += len;
	if (sig_check(err) == -1)
		return -1;
	if (o->rate == 0)
		return 0;
	due_us = (int64_t)((double)o->bytes / (double)o->rate * 1e6);
	ahead_us = due_us - (clock_us() - o->start_us);
	while (ahead_us > 1000) {
		clock_nap(ahead_us > 200000 ? 200 : (int)(ahead_us / 1000));
		if (sig_check(err) == -1)
			return -1;
		ahead_us = due_us - (clock_us() - o->start_us);
	}
	return 0;
}

/* At most so much before the next look at the rate. */
static size_t
step_of(const struct output *o, uint64_t len)
{
	uint64_t max = STEP_MAX;

	if (o->rate != 0 && o->rate / 10 + TAR_BLOCK < max)
		max = o->rate / 10 + TAR_BLOCK;
	return len < max ? (size_t)len : (size_t)max;
}

/* What the kernel did not move on, through our memory. */
static ssize_t
copy_on(struct output *o, size_t len, struct error *err)
{
	ssize_t n;

	if (len > sizeof(o->copy))
		len = sizeof(o->copy);
	n = read(o->inner[0], o->copy, len);
	if (n == -1)
		return error_sys(err, EX_OSERR, "pipe");
	if (fd_write(o->fd, o->copy, (size_t)n, o->what, err) == -1)
		return -1;
	return n;
}

/* Moves on what waits in the pipe. */
static int
flush_inner(struct output *o, struct error *err)
{
	size_t len;
	ssize_t n;

	while (o->inner_n != 0) {
		len = step_of(o, o->inner_n);
		n = splice(o->inner[0], NULL, o->fd, NULL, len, SPLICE_F_MORE);
		if (n == -1 && errno == EINTR) {
			if (sig_check(err) == -1)
				return -1;
			continue;
		}
		if (n == -1 && (errno == EINVAL || errno == ENOSYS))
			n = copy_on(o, len, err);
		else if (n == -1)
			error_sys(err, EX_IOERR, "%s", o->what);
		if (n == -1)
			return -1;
		o->inner_n -= (size_t)n;
		if (count_out(o, (uint64_t)n, err) == -1)
			return -1;
	}
	return 0;
}

int
output_write(struct output *o, const void *buf, size_t len, struct error *err)
{
	size_t done, n;

	if (flush_inner(o, err) == -1)
		return -1;
	for (done = 0; done < len; done += n) {
		n = step_of(o, len - done);
		if (fd_write(o->fd, (const char *)buf + done, n, o->what,
			err) == -1 ||
		    count_out(o, n, err) == -1)
			return -1;
	}
	return 0;
}

/* The kernel's answer to a splice(2) of the file that moved nothing. */
static int
look_at_failure(struct output *o, const char *name, struct error *err)
{
	if (errno == EAGAIN && o->inner_n != 0)
		return flush_inner(o, err);
	if (errno == EINTR)
		return sig_check(err);
	if (errno != EINVAL && errno != ENOSYS)
		return error_sys(err, EX_IOERR, "%s", name);
	if (flush_inner(o, err) == -1)
		return -1;
	fd_drop(&o->inner[0]);
	fd_drop(&o->inner[1]);
	return 0;
}

/* Advances *off and *len; what the kernel cannot move is left. */
static int
move_file(struct output *o, int fd, uint64_t *off, uint64_t *len,
    const char *name, struct error *err)
{
	off_t at = (off_t)*off;
	ssize_t n;

	while (*len != 0 && o->inner[1] != -1) {
		n = splice(fd, &at, o->inner[1], NULL, (size_t)*len,
		    SPLICE_F_MORE | SPLICE_F_NONBLOCK);
		if (n == 0)
			return error_set(err, EX_DATAERR,
			    "%s: ends at byte %" PRIu64, name, *off);
		if (n == -1) {
			if (look_at_failure(o, name, err) == -1)
				return -1;
			continue;
		}
		o->inner_n += (size_t)n;
		*off += (uint64_t)n;
		*len -= (uint64_t)n;
	}
	return 0;
}

int
output_file(struct output *o, int fd, uint64_t off, uint64_t len,
    const char *name, struct error *err)
{
	size_t n;

	if (move_file(o, fd, &off, &len, name, err) == -1)
		return -1;
	for (; len != 0; len -= n, off += n) {
		n = len < sizeof(o->copy) ? (size_t)len : sizeof(o->copy);
		if (fd_pread(fd, o->copy, n, off, name, err) == -1 ||
		    output_write(o, o->copy, n, err) == -1)
			return -1;
	}
	return 0;
}
