/* SPDX-License-Identifier: ISC */
/* What press.c and press_move.c share; nobody else includes it. */
#ifndef ARCHIVE_PRESS_IMPL_H
#define ARCHIVE_PRESS_IMPL_H

#include <stdbool.h>

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "archive/press.h"
#include "archive/stamp.h"

#define PRESS_OUT_BYTES (128u << 10)
#define PRESS_IN_BYTES (256u << 10)
#define PRESS_PIPE_BYTES (1 << 20) /* pipe(7): what anybody may ask for */
#define PRESS_STEP_MAX (1u << 20) /* bytes between two looks at rate, signals */
#define PRESS_LEVEL_SMALL 9 /* zstd: up to here 64 MiB are enough */
#define PRESS_JOB (4 << 20) /* bytes that a thread of it takes at once */
struct press {
	int fd;
	const char *what;
	enum archive_press kind;
	uint64_t bytes;
	uint64_t rate;
	int64_t start_us;
	ZSTD_CCtx *zstd;
	z_stream gzip;
	bool has_gzip;
	struct stamp *stamp;
	/* A pipe in which a file's data wait to be moved on by one call: */
	int inner[2]; /* -1: the kernel cannot move them */
	size_t inner_n; /* bytes */
	unsigned char out[PRESS_OUT_BYTES];
	/* For the compressor, which is called for much at a time; or to copy. */
	unsigned char in[PRESS_IN_BYTES];
	size_t in_n;
};

/* Compresses what is in `in`. */
int press_pack(struct press *p, struct error *err);

/* At most so much before the next look at the rate. */
size_t press_step(const struct press *p, uint64_t len);

/* Counts what went out, and waits until the rate allows more. */
int press_account(struct press *p, uint64_t len, struct error *err);

/* Moves on what waits in the pipe. */
int press_flush(struct press *p, struct error *err);

#endif
