/* SPDX-License-Identifier: ISC */
#include "archive/press.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "archive/codec.h"
#include "archive/output.h"
#include "archive/tar_head.h"
#include "base/cpus.h"
#include "base/fd.h"

#define OUT_BYTES (128u << 10)
#define IN_BYTES (256u << 10)
#define LEVEL_SMALL 9 /* zstd: up to here 64 MiB are enough */
#define JOB_BYTES (4 << 20) /* that a thread of it takes at once */

static const unsigned char zeros[64 << 10];

struct press {
	enum archive_press kind;
	struct output *output;
	ZSTD_CCtx *zstd;
	z_stream gzip;
	bool has_gzip;
	unsigned char out[OUT_BYTES];
	/* For the compressor, which is called for much at a time. */
	unsigned char in[IN_BYTES];
	size_t in_n;
};

/*
 * As many threads as there are processors, and fewer where each wants so much
 * memory that 64 MiB would not do; above level 9 the manual has said so.
 */
static int
zstd_threads(int level)
{
	unsigned cpus = cpus_usable();
	unsigned max = ARCHIVE_THREADS_MAX;

	if (level > 2 && level < LEVEL_SMALL)
		max = 2;
	else if (level == LEVEL_SMALL)
		max = 1;
	return (int)(cpus < max ? cpus : max);
}

static int
start_zstd(struct press *p, const struct archive_how *how, struct error *err)
{
	p->zstd = ZSTD_createCCtx();
	if (p->zstd == NULL)
		return error_nomem(err, "zstd");
	ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, how->level);
	ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1);
	if (how->is_long) {
		ZSTD_CCtx_setParameter(p->zstd,
		    ZSTD_c_enableLongDistanceMatching, 1);
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_windowLog,
		    CODEC_WINDOW_LOG);
	}
	/*
	 * Also on one processor: a threaded library cuts the input in the
	 * same places whatever the number of threads, so the bytes are the
	 * same on every machine.
	 */
	if (ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_nbWorkers,
		zstd_threads(how->level))))
		return error_set(err, EX_UNAVAILABLE,
		    "zstd: library without threads");
	if (how->level > 2 && how->level <= LEVEL_SMALL && !how->is_long)
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_jobSize, JOB_BYTES);
	return 0;
}

static int
start_gzip(struct press *p, const struct archive_how *how, struct error *err)
{
	if (deflateInit2(&p->gzip, how->level, Z_DEFLATED, 15 + 16, 8,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return error_nomem(err, "gzip");
	p->has_gzip = true;
	return 0;
}

int
press_new(struct press **out, int fd, const char *what,
    const struct archive_how *how, struct error *err)
{
	struct press *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	p->kind = how->press;
	rc = output_new(&p->output, fd, what, how->rate,
	    p->kind == ARCHIVE_PLAIN, err);
	if (rc == 0 && p->kind == ARCHIVE_ZSTD)
		rc = start_zstd(p, how, err);
	else if (rc == 0 && p->kind == ARCHIVE_GZIP)
		rc = start_gzip(p, how, err);
	if (rc == -1) {
		press_free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void
press_free(struct press *p)
{
	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->zstd);
	if (p->has_gzip)
		deflateEnd(&p->gzip);
	output_free(p->output);
	free(p);
}

uint64_t
press_bytes(const struct press *p)
{
	return output_bytes(p->output);
}

static int
pack_zstd(struct press *p, const void *buf, size_t len, bool is_end,
    struct error *err)
{
	ZSTD_inBuffer in = { buf, len, 0 };
	ZSTD_outBuffer out;
	size_t rc;

	do {
		out = (ZSTD_outBuffer){ p->out, sizeof(p->out), 0 };
		rc = ZSTD_compressStream2(p->zstd, &out, &in,
		    is_end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(rc))
			return error_set(err, EX_OSERR, "zstd: %s",
			    ZSTD_getErrorName(rc));
		if (out.pos != 0 &&
		    output_write(p->output, p->out, out.pos, err) == -1)
			return -1;
	} while (is_end ? rc != 0 : in.pos != in.size);
	return 0;
}

static int
pack_gzip(struct press *p, const void *buf, size_t len, bool is_end,
    struct error *err)
{
	int rc;

	p->gzip.next_in = buf;
	p->gzip.avail_in = (unsigned)len;
	do {
		p->gzip.next_out = p->out;
		p->gzip.avail_out = sizeof(p->out);
		rc = deflate(&p->gzip, is_end ? Z_FINISH : Z_NO_FLUSH);
		if (rc == Z_STREAM_ERROR)
			return error_set(err, EX_SOFTWARE, "gzip: deflate");
		if (output_write(p->output, p->out,
			sizeof(p->out) - p->gzip.avail_out, err) == -1)
			return -1;
	} while (is_end ? rc != Z_STREAM_END : p->gzip.avail_in != 0);
	return 0;
}

/* At most UINT_MAX bytes. */
static int
pack(struct press *p, const void *buf, size_t len, bool is_end,
    struct error *err)
{
	if (p->kind == ARCHIVE_ZSTD)
		return pack_zstd(p, buf, len, is_end, err);
	return pack_gzip(p, buf, len, is_end, err);
}

/* What is in `in`. */
static int
pack_waiting(struct press *p, struct error *err)
{
	size_t len = p->in_n;

	p->in_n = 0;
	return len == 0 ? 0 : pack(p, p->in, len, false, err);
}

int
press_write(struct press *p, const void *buf, size_t len, struct error *err)
{
	size_t done, n;

	if (p->kind == ARCHIVE_PLAIN)
		return output_write(p->output, buf, len, err);
	for (done = 0; done < len; done += n) {
		n = sizeof(p->in) - p->in_n;
		if (n > len - done)
			n = len - done;
		memcpy(p->in + p->in_n, (const char *)buf + done, n);
		p->in_n += n;
		if (p->in_n == sizeof(p->in) && pack_waiting(p, err) == -1)
			return -1;
	}
	return 0;
}

int
press_zeros(struct press *p, uint64_t len, struct error *err)
{
	size_t n;

	for (; len != 0; len -= n) {
		n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);
		if (press_write(p, zeros, n, err) == -1)
			return -1;
	}
	return 0;
}

int
press_file(struct press *p, int fd, uint64_t off, uint64_t len,
    const char *name, struct error *err)
{
	size_t n;

	if (p->kind == ARCHIVE_PLAIN)
		return output_file(p->output, fd, off, len, name, err);
	for (; len != 0; len -= n, off += n) {
		n = sizeof(p->in) - p->in_n;
		if (n > len)
			n = (size_t)len;
		if (fd_pread(fd, p->in + p->in_n, n, off, name, err) == -1)
			return -1;
		p->in_n += n;
		if (p->in_n == sizeof(p->in) && pack_waiting(p, err) == -1)
			return -1;
	}
	return 0;
}

int
press_end(struct press *p, struct error *err)
{
	if (press_zeros(p, 2 * TAR_BLOCK, err) == -1)
		return -1;
	if (p->kind == ARCHIVE_PLAIN)
		return 0;
	if (pack_waiting(p, err) == -1)
		return -1;
	return pack(p, NULL, 0, true, err);
}
