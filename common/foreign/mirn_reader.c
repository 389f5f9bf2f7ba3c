/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/fd.h"
#include "base/le.h"
#include "foreign/mirn.h"

#define MIRN_INPUT_BYTES (1u << 18)
#define MIRN_FRAME_MAGIC_BYTES 4
#define MIRN_FRAME_MAGIC 0xfd2fb528u /* RFC 8878, 3.1.1 */
#define MIRN_SKIPPABLE_MAGIC 0x184d2a50u /* RFC 8878, 3.1.2 */
#define MIRN_SKIPPABLE_MASK 0xfffffff0u

struct mirn_reader {
	int fd;
	const char *what;
	struct mirn_head head;
	ZSTD_DCtx *zstd;
	ZSTD_inBuffer in; /* src: MIRN_INPUT_BYTES */
	unsigned char *input;
	uint64_t read_bytes; /* of the file so far */
	uint64_t done_bytes; /* of the image so far */
	bool in_frame; /* one has begun and not ended */
	bool more; /* the decoder holds output back */
	bool at_end; /* of the file */
};

/* Exactly `len` bytes of the header. */
static int
read_exact(struct mirn_reader *r, void *buf, size_t len, struct error *err)
{
	size_t got;

	if (fd_read(&got, r->fd, buf, len, r->what, err) == -1)
		return -1;
	r->read_bytes += got;
	if (got < len)
		return error_set(err, EX_DATAERR,
		    "%s: ends at byte %" PRIu64 ", %zu short", r->what,
		    r->read_bytes, len - got);
	return 0;
}

static int
read_head(struct mirn_reader *r, struct error *err)
{
	unsigned char raw[MIRN_FIXED_BYTES];
	char *json;
	size_t len;
	int rc;

	if (read_exact(r, raw, sizeof(raw), err) == -1)
		return -1;
	if (mirn_fixed_decode(&len, raw, err) == -1)
		return error_wrap(err, "%s", r->what);
	json = malloc(len);
	if (json == NULL)
		return error_sys(err, EX_OSERR, "%s", r->what);
	rc = read_exact(r, json, len, err);
	if (rc == 0) {
		rc = mirn_head_decode(&r->head, json, len, err);
		if (rc == -1)
			error_wrap(err, "%s: header at byte %d", r->what,
			    MIRN_FIXED_BYTES);
	}
	free(json);
	return rc;
}

int
mirn_reader_new(struct mirn_reader **out, int fd, const char *what,
    struct error *err)
{
	struct mirn_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	r->fd = fd;
	r->what = what;
	if (read_head(r, err) == -1)
		goto out;
	r->input = malloc(MIRN_INPUT_BYTES);
	r->zstd = ZSTD_createDCtx();
	if (r->input == NULL || r->zstd == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(r->zstd, ZSTD_d_windowLogMax,
		MIRN_WINDOW_LOG_MAX))) {
		error_nomem(err, what);
		goto out;
	}
	r->in.src = r->input;
	*out = r;
	return 0;
out:
	mirn_reader_free(r);
	return -1;
}

void
mirn_reader_free(struct mirn_reader *reader)
{
	if (reader == NULL)
		return;
	ZSTD_freeDCtx(reader->zstd);
	free(reader->input);
	mirn_head_fini(&reader->head);
	free(reader);
}

const struct mirn_head *
mirn_reader_head(const struct mirn_reader *reader)
{
	return &reader->head;
}

/*
 * More input, when all of it is used up and the decoder waits for it, or when
 * the first bytes of a frame may be cut by the end of the buffer.
 */
static int
refill(struct mirn_reader *r, struct error *err)
{
	size_t got, left = r->in.size - r->in.pos;

	if (r->more || r->at_end || left >= MIRN_FRAME_MAGIC_BYTES ||
	    (left > 0 && r->in_frame))
		return 0;
	memmove(r->input, r->input + r->in.pos, left);
	if (fd_read(&got, r->fd, r->input + left, MIRN_INPUT_BYTES - left,
		r->what, err) == -1)
		return -1;
	r->read_bytes += got;
	r->in.size = left + got;
	r->in.pos = 0;
	r->at_end = r->in.size == 0;
	return 0;
}

/*
 * The library may also know what zstd wrote before RFC 8878, by decoders that
 * nobody looks after any more.
 */
static int
check_frame(const struct mirn_reader *r, struct error *err)
{
	const unsigned char *p = r->input + r->in.pos;

	if (r->in_frame || r->in.size - r->in.pos < MIRN_FRAME_MAGIC_BYTES ||
	    le32(p) == MIRN_FRAME_MAGIC ||
	    (le32(p) & MIRN_SKIPPABLE_MASK) == MIRN_SKIPPABLE_MAGIC)
		return 0;
	return error_set(err, EX_DATAERR,
	    "%s: byte %" PRIu64 ": no zstd frame: magic 0x%08" PRIx32, r->what,
	    r->read_bytes - (r->in.size - r->in.pos), le32(p));
}

/* One step of the decoder into `out`. */
static int
decode(struct mirn_reader *r, ZSTD_outBuffer *out, struct error *err)
{
	size_t rc, before = out->pos;
	uint64_t at;

	rc = ZSTD_decompressStream(r->zstd, out, &r->in);
	at = r->read_bytes - (r->in.size - r->in.pos);
	if (ZSTD_isError(rc))
		return error_set(err, EX_DATAERR,
		    "%s: byte %" PRIu64 ": zstd: %s", r->what, at,
		    ZSTD_getErrorName(rc));
	if (out->pos - before > r->head.size_bytes - r->done_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: byte %" PRIu64
		    ": the image goes on behind its %" PRIu64 " bytes",
		    r->what, at, r->head.size_bytes);
	r->done_bytes += out->pos - before;
	r->in_frame = rc != 0;
	r->more = rc != 0 && out->pos == out->size;
	return 0;
}

/* The file has ended: is the image whole? */
static int
check_end(const struct mirn_reader *r, struct error *err)
{
	if (r->in_frame)
		return error_set(err, EX_DATAERR,
		    "%s: ends at byte %" PRIu64 ", inside a zstd frame",
		    r->what, r->read_bytes);
	if (r->done_bytes < r->head.size_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: ends at byte %" PRIu64 ", after %" PRIu64
		    " of %" PRIu64 " bytes of the image",
		    r->what, r->read_bytes, r->done_bytes, r->head.size_bytes);
	return 0;
}

int
mirn_reader_next(struct mirn_reader *reader, void *buf, size_t cap, size_t *got,
    struct error *err)
{
	ZSTD_outBuffer out = { buf, cap, 0 };

	while (out.pos < cap) {
		if (refill(reader, err) == -1)
			return -1;
		if (reader->at_end) {
			if (check_end(reader, err) == -1)
				return -1;
			break;
		}
		if (check_frame(reader, err) == -1 ||
		    decode(reader, &out, err) == -1)
			return -1;
	}
	*got = out.pos;
	return 0;
}
