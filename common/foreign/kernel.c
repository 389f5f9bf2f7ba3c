/* SPDX-License-Identifier: ISC */
#include "foreign/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/codec.h"
#include "base/fd.h"
#include "base/num.h"
#include "foreign/kernel_arch.h"

#define KERNEL_NEW "kernel.new" /* until it is whole */

#define PIECE (256u << 10)

struct unpack {
	int to, from;
	const char *what;
	uint64_t off, left; /* of the payload, not yet read */
	uint64_t done; /* bytes written */
	unsigned char in[PIECE], out[PIECE];
};

int
kernel_form(enum kernel_form *out, int fd, uint64_t size, const char *what,
    struct error *err)
{
	unsigned char head[KERNEL_HEAD_BYTES] = { 0 };
	size_t len = size < sizeof(head) ? (size_t)size : sizeof(head);

	if (fd_pread(fd, head, len, 0, what, err) == -1)
		return -1;
	*out = KERNEL_OTHER;
	if (KERNEL_ARCH.is_plain(head, len))
		*out = KERNEL_PLAIN;
	else if (KERNEL_ARCH.is_packed(head, len))
		*out = KERNEL_PACKED;
	return 0;
}

/* Where the payload stands. */
static int
find_payload(struct unpack *u, uint64_t size, struct error *err)
{
	unsigned char head[KERNEL_HEAD_BYTES];

	if (size < sizeof(head) ||
	    fd_pread(u->from, head, sizeof(head), 0, u->what, NULL) == -1 ||
	    !KERNEL_ARCH.is_packed(head, sizeof(head)))
		return error_set(err, EX_DATAERR, "%s: no %s", u->what,
		    KERNEL_ARCH.packed);
	if (KERNEL_ARCH.find_payload(&u->off, &u->left, head, u->what, err) ==
	    -1)
		return -1;
	if (num_in_range(u->off, u->left, size))
		return 0;
	return error_set(err, EX_DATAERR,
	    "%s: payload of %" PRIu64 " bytes at %" PRIu64
	    ", the file has %" PRIu64,
	    u->what, u->left, u->off, size);
}

static int
refill(struct unpack *u, struct codec_io *io, struct error *err)
{
	size_t len = u->left < PIECE ? (size_t)u->left : PIECE;

	if (len == 0)
		return error_set(err, EX_DATAERR, "%s: its payload ends early",
		    u->what);
	if (fd_pread(u->from, u->in, len, u->off, u->what, err) == -1)
		return -1;
	u->off += len;
	u->left -= len;
	io->in = u->in;
	io->in_left = len;
	return 0;
}

static int
put_output(struct unpack *u, size_t len, struct error *err)
{
	if (u->done == 0 && !KERNEL_ARCH.is_plain(u->out, len))
		return error_set(err, EX_DATAERR, "%s: its payload is no %s",
		    u->what, KERNEL_ARCH.plain);
	if (len > KERNEL_BYTES_MAX - u->done)
		return error_set(err, EX_DATAERR,
		    "%s: unpacks to more than 1 GiB", u->what);
	u->done += len;
	return fd_write(u->to, u->out, len, u->what, err);
}

static int
step(const struct unpack *u, const struct codec *codec, void *state,
    struct codec_io *io, struct error *err)
{
	size_t in = io->in_left, out = io->out_left;

	if (codec->step(state, io, err) == -1)
		return error_wrap(err, "%s", u->what);
	if (io->in_left == in && io->out_left == out)
		return error_set(err, EX_DATAERR, "%s: %s: goes nowhere",
		    u->what, codec->name);
	return 0;
}

/* What stands behind the first frame is the kernel build's own note. */
static int
unpack(struct unpack *u, const struct codec *codec, void *state,
    struct codec_io *io, struct error *err)
{
	do {
		io->out = u->out;
		io->out_left = PIECE;
		do {
			if (io->in_left == 0 && refill(u, io, err) == -1)
				return -1;
			if (step(u, codec, state, io, err) == -1)
				return -1;
		} while (io->out_left > 0 && !io->is_between);
		if (put_output(u, PIECE - io->out_left, err) == -1)
			return -1;
	} while (!io->is_between);
	return 0;
}

int
kernel_unpack(int to, int from, uint64_t size, const char *what,
    struct error *err)
{
	struct codec_io io = { .is_between = true };
	struct unpack *u = calloc(1, sizeof(*u));
	const struct codec *codec;
	void *state;
	int rc = -1;

	if (u == NULL)
		return error_nomem(err, NULL);
	u->to = to;
	u->from = from;
	u->what = what;
	if (find_payload(u, size, err) == -1 || refill(u, &io, err) == -1)
		goto out;
	codec = codec_by_magic(io.in, io.in_left);
	if (codec->name == NULL) {
		error_set(err, EX_DATAERR,
		    "%s: packed, but not by zstd, gzip, xz or bzip2", what);
		goto out;
	}
	state = codec->start();
	if (state == NULL)
		error_nomem(err, NULL);
	else
		rc = unpack(u, codec, state, &io, err);
	codec->stop(state);
out:
	free(u);
	return rc;
}

static int
replace_by_plain(int dirfd, const char *name, const char *what, int from,
    uint64_t size, struct error *err)
{
	int to, rc;

	to = openat(dirfd, KERNEL_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (to == -1)
		return error_sys(err, error_code_of(errno), KERNEL_NEW);
	rc = kernel_unpack(to, from, size, what, err);
	fd_drop(&to);
	if (rc == 0 && renameat(dirfd, KERNEL_NEW, dirfd, name) == -1)
		rc = error_sys(err, EX_IOERR, "%s", name);
	if (rc == -1)
		unlinkat(dirfd, KERNEL_NEW, 0);
	return rc;
}

int
kernel_make_plain(int dirfd, const char *name, const char *what,
    struct error *err)
{
	enum kernel_form form;
	uint64_t size;
	int fd, rc;

	if (fd_open_file(&fd, &size, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	rc = kernel_form(&form, fd, size, what, err);
	if (rc == 0 && form == KERNEL_PACKED)
		rc = replace_by_plain(dirfd, name, what, fd, size, err);
	else if (rc == 0 && form != KERNEL_PLAIN)
		rc = error_set(err, EX_DATAERR, "%s: neither an %s nor a %s",
		    what, KERNEL_ARCH.plain, KERNEL_ARCH.packed);
	fd_drop(&fd);
	return rc;
}
