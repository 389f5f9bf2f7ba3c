/* SPDX-License-Identifier: ISC */
#include "foreign/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/codec.h"
#include "base/fd.h"
#include "base/le.h"
#include "base/num.h"

#define KERNEL_NEW "kernel.new" /* until it is whole */

#define HEAD_BYTES 0x250 /* up to payload_length and its end */
#define SETUP_SECTS 0x1f1
#define BOOT_FLAG 0x1fe
#define HEADER 0x202 /* "HdrS" */
#define VERSION 0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define VERSION_MIN 0x0208 /* the first with a payload_offset */
#define SECTOR 512

#define ELF_BYTES 20 /* of its head, up to e_machine and its end */
#define ELF_64 2
#define ELF_LITTLE 1
#define ELF_X86_64 62

#define PIECE (256u << 10)

struct unpack {
	int to, from;
	const char *what;
	uint64_t off, left; /* of the payload, not yet read */
	uint64_t done; /* bytes written */
	unsigned char in[PIECE], out[PIECE];
};

static bool
is_elf64(const unsigned char *p, size_t len)
{
	static const unsigned char magic[4] = { 0x7f, 'E', 'L', 'F' };

	return len >= ELF_BYTES && memcmp(p, magic, sizeof(magic)) == 0 &&
	    p[4] == ELF_64 && p[5] == ELF_LITTLE && le16(p + 18) == ELF_X86_64;
}

static bool
is_bzimage(const unsigned char *p)
{
	return le16(p + BOOT_FLAG) == 0xaa55 &&
	    memcmp(p + HEADER, "HdrS", 4) == 0;
}

int
kernel_form(enum kernel_form *out, int fd, uint64_t size, const char *what,
    struct error *err)
{
	unsigned char head[HEAD_BYTES] = { 0 };
	size_t len = size < sizeof(head) ? (size_t)size : sizeof(head);

	if (fd_pread(fd, head, len, 0, what, err) == -1)
		return -1;
	*out = KERNEL_OTHER;
	if (is_elf64(head, len))
		*out = KERNEL_ELF64;
	else if (len == sizeof(head) && is_bzimage(head))
		*out = KERNEL_BZIMAGE;
	return 0;
}

/* Where the payload stands. */
static int
find_payload(struct unpack *u, uint64_t size, struct error *err)
{
	unsigned char head[HEAD_BYTES];
	uint64_t setup;

	if (size < sizeof(head) ||
	    fd_pread(u->from, head, sizeof(head), 0, u->what, NULL) == -1 ||
	    !is_bzimage(head))
		return error_set(err, EX_DATAERR, "%s: no bzImage", u->what);
	if (le16(head + VERSION) < VERSION_MIN)
		return error_set(err, EX_DATAERR,
		    "%s: boot protocol %x.%02x does not tell its payload",
		    u->what, head[VERSION + 1], head[VERSION]);
	setup = head[SETUP_SECTS] == 0 ? 4 : head[SETUP_SECTS];
	u->off = (setup + 1) * SECTOR + le32(head + PAYLOAD_OFFSET);
	u->left = le32(head + PAYLOAD_LENGTH);
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
	if (u->done == 0 && !is_elf64(u->out, len))
		return error_set(err, EX_DATAERR,
		    "%s: its payload is no ELF file for x86-64", u->what);
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
replace_by_elf(int dirfd, const char *name, const char *what, int from,
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
kernel_make_elf(int dirfd, const char *name, const char *what,
    struct error *err)
{
	enum kernel_form form;
	uint64_t size;
	int fd, rc;

	if (fd_open_file(&fd, &size, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	rc = kernel_form(&form, fd, size, what, err);
	if (rc == 0 && form == KERNEL_BZIMAGE)
		rc = replace_by_elf(dirfd, name, what, fd, size, err);
	else if (rc == 0 && form != KERNEL_ELF64)
		rc = error_set(err, EX_DATAERR,
		    "%s: neither an ELF file for x86-64 nor a bzImage", what);
	fd_drop(&fd);
	return rc;
}
