/* SPDX-License-Identifier: ISC */
#define ZLIB_CONST
#include "archive/codec.h"

#include <bzlib.h>
#include <limits.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static unsigned
clip(size_t n)
{
	return n > UINT_MAX ? UINT_MAX : (unsigned)n;
}

static void *
zstd_start(void)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();

	if (ctx != NULL)
		ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax,
		    CODEC_WINDOW_LOG);
	return ctx;
}

static void
zstd_stop(void *state)
{
	ZSTD_freeDCtx(state);
}

static int
zstd_step(void *state, struct codec_io *io, struct error *err)
{
	ZSTD_inBuffer in = { io->in, io->in_left, 0 };
	ZSTD_outBuffer out = { io->out, io->out_left, 0 };
	size_t rc = ZSTD_decompressStream(state, &out, &in);

	if (ZSTD_isError(rc))
		return error_set(err, EX_DATAERR, "zstd: %s",
		    ZSTD_getErrorName(rc));
	io->is_between = rc == 0;
	io->in += in.pos;
	io->in_left -= in.pos;
	io->out += out.pos;
	io->out_left -= out.pos;
	return 0;
}

static void *
gzip_start(void)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (z != NULL && inflateInit2(z, 15 + 16) != Z_OK) {
		free(z);
		z = NULL;
	}
	return z;
}

static void
gzip_stop(void *state)
{
	if (state != NULL)
		inflateEnd(state);
	free(state);
}

static int
gzip_step(void *state, struct codec_io *io, struct error *err)
{
	z_stream *z = state;
	int rc;

	z->next_in = io->in;
	z->avail_in = clip(io->in_left);
	z->next_out = io->out;
	z->avail_out = clip(io->out_left);
	if (io->is_between)
		inflateReset(z);
	rc = inflate(z, Z_NO_FLUSH);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return error_set(err, EX_DATAERR, "gzip: %s",
		    z->msg == NULL ? "not a member" : z->msg);
	io->is_between = rc == Z_STREAM_END;
	io->in_left -= (size_t)(z->next_in - io->in);
	io->in = z->next_in;
	io->out_left -= (size_t)(z->next_out - io->out);
	io->out = z->next_out;
	return 0;
}

static void *
bzip2_start(void)
{
	return calloc(1, sizeof(bz_stream));
}

static void
bzip2_stop(void *state)
{
	if (state != NULL)
		BZ2_bzDecompressEnd(state);
	free(state);
}

static int
bzip2_step(void *state, struct codec_io *io, struct error *err)
{
	bz_stream *b = state;
	int rc;

	if (io->is_between) {
		BZ2_bzDecompressEnd(b);
		memset(b, 0, sizeof(*b));
		if (BZ2_bzDecompressInit(b, 0, 0) != BZ_OK)
			return error_set(err, EX_OSERR, "bzip2: no memory");
	}
	/* The library's own interface wants it writable, and leaves it be. */
	b->next_in = (char *)(size_t)io->in;
	b->avail_in = clip(io->in_left);
	b->next_out = (char *)io->out;
	b->avail_out = clip(io->out_left);
	rc = BZ2_bzDecompress(b);
	if (rc != BZ_OK && rc != BZ_STREAM_END)
		return error_set(err,
		    rc == BZ_MEM_ERROR ? EX_OSERR : EX_DATAERR,
		    "bzip2: damaged (%d)", rc);
	io->is_between = rc == BZ_STREAM_END;
	io->in += io->in_left - b->avail_in;
	io->in_left = b->avail_in;
	io->out += io->out_left - b->avail_out;
	io->out_left = b->avail_out;
	return 0;
}

static void *
xz_start(void)
{
	return calloc(1, sizeof(lzma_stream));
}

static void
xz_stop(void *state)
{
	if (state != NULL)
		lzma_end(state);
	free(state);
}

static const char *
xz_text(lzma_ret rc)
{
	switch (rc) {
	case LZMA_MEMLIMIT_ERROR:
		return "wants more than 160 MiB of memory";
	case LZMA_UNSUPPORTED_CHECK:
		return "unknown kind of checksum";
	case LZMA_OPTIONS_ERROR:
		return "unknown options";
	case LZMA_FORMAT_ERROR:
		return "not a stream";
	default:
		return "damaged";
	}
}

static int
xz_step(void *state, struct codec_io *io, struct error *err)
{
	lzma_stream *x = state;
	lzma_ret rc;

	if (io->is_between &&
	    lzma_stream_decoder(x, CODEC_XZ_MEMORY,
		LZMA_TELL_UNSUPPORTED_CHECK) != LZMA_OK)
		return error_set(err, EX_OSERR, "xz: no memory");
	x->next_in = io->in;
	x->avail_in = io->in_left;
	x->next_out = io->out;
	x->avail_out = io->out_left;
	rc = lzma_code(x, LZMA_RUN);
	if (rc == LZMA_MEM_ERROR)
		return error_set(err, EX_OSERR, "xz: no memory");
	if (rc != LZMA_OK && rc != LZMA_STREAM_END && rc != LZMA_BUF_ERROR)
		return error_set(err, EX_DATAERR, "xz: %s", xz_text(rc));
	io->is_between = rc == LZMA_STREAM_END;
	io->in = x->next_in;
	io->in_left = x->avail_in;
	io->out = x->next_out;
	io->out_left = x->avail_out;
	return 0;
}

static void *
lz4_start(void)
{
	LZ4F_dctx *ctx;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		return NULL;
	return ctx;
}

static void
lz4_stop(void *state)
{
	LZ4F_freeDecompressionContext(state);
}

static int
lz4_step(void *state, struct codec_io *io, struct error *err)
{
	size_t in = io->in_left, out = io->out_left, rc;

	rc = LZ4F_decompress(state, io->out, &out, io->in, &in, NULL);
	if (LZ4F_isError(rc))
		return error_set(err, EX_DATAERR, "lz4: %s",
		    LZ4F_getErrorName(rc));
	io->is_between = rc == 0;
	io->in += in;
	io->in_left -= in;
	io->out += out;
	io->out_left -= out;
	return 0;
}

static const struct {
	unsigned char magic[CODEC_MAGIC_MAX];
	size_t len;
	struct codec codec;
} codecs[] = {
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4,
	    { "zstd", zstd_start, zstd_stop, zstd_step } },
	{ { 0x1f, 0x8b }, 2, { "gzip", gzip_start, gzip_stop, gzip_step } },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6,
	    { "xz", xz_start, xz_stop, xz_step } },
	{ { 'B', 'Z', 'h' }, 3,
	    { "bzip2", bzip2_start, bzip2_stop, bzip2_step } },
	{ { 0x04, 0x22, 0x4d, 0x18 }, 4,
	    { "lz4", lz4_start, lz4_stop, lz4_step } },
};

static const struct codec plain = { NULL, NULL, NULL, NULL };

const struct codec *
codec_by_magic(const unsigned char *head, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (len >= codecs[i].len &&
		    memcmp(head, codecs[i].magic, codecs[i].len) == 0)
			return &codecs[i].codec;
	/* A skippable frame may come first: zstd and lz4 share their magic. */
	if (len >= 4 && (head[0] & 0xf0) == 0x50 && head[1] == 0x2a &&
	    head[2] == 0x4d && head[3] == 0x18)
		return &codecs[0].codec;
	return &plain;
}
