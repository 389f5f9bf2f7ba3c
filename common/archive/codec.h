/* SPDX-License-Identifier: ISC */
/*
 * Decompressors behind one face.  Each checks every checksum its form has, and
 * goes on with the frame or member behind the last one.
 */
#ifndef ARCHIVE_CODEC_H
#define ARCHIVE_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define CODEC_MAGIC_MAX 6 /* bytes that tell every form from the others */
#define CODEC_WINDOW_LOG 27 /* zstd's --long: windows of up to 128 MiB */
#define CODEC_XZ_MEMORY (160u << 20) /* bytes; xz -9 wants 65 MiB */

struct codec_io {
	const unsigned char *in;
	size_t in_left;
	unsigned char *out;
	size_t out_left;
	bool is_between; /* at the end of a frame: the stream may end here */
};

struct codec {
	const char *name; /* NULL: plain bytes */
	void *(*start)(void); /* NULL: out of memory */
	void (*stop)(void *state);
	/* Takes and gives what it can.  EX_DATAERR. */
	int (*step)(void *state, struct codec_io *io, struct error *err);
};

/* By the first bytes of a stream; plain when they are none of the others'. */
const struct codec *codec_by_magic(const unsigned char *head, size_t len);

#endif
