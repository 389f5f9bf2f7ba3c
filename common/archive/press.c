/* SPDX-License-Identifier: ISC */
#include "archive/press.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/codec.h"
#include "archive/press_impl.h"
#include "archive/tar_head.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

static const unsigned char zeros[64 << 10];

/*
 * As many threads as there are processors, and fewer where each wants so much
 * memory that 64 MiB would not do; above level 9 the manual has said so.
 */
static int
zstd_threads(int level)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	long max = ARCHIVE_THREADS_MAX;

	if (level > 2 && level < PRESS_LEVEL_SMALL)
		max = 2;
	else if (level == PRESS_LEVEL_SMALL)
		max = 1;
	return cpus < 1 ? 1 : (int)(cpus < max ? cpus : max);
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
	if (how->level > 2 && how->level <= PRESS_LEVEL_SMALL && !how->is_long)
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_jobSize, PRESS_JOB);
	return stamp_new(&p->stamp, STAMP_ZSTD, err);
}

static int
start_gzip(struct press *p, const struct archive_how *how, struct error *err)
{
	if (deflateInit2(&p->gzip, how->level, Z_DEFLATED, 15 + 16, 8,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return error_nomem(err, "gzip");
	p->has_gzip = true;
	return stamp_new(&p->stamp, STAMP_GZIP, err);
}

int
press_new(struct press **out, int fd, const char *what,
    const struct archive_how *how, struct error *err)
{
	struct press *p = calloc(1, sizeof(*p));
	struct stat st;
	int rc = 0;

	if (p == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	p->fd = fd;
	p->what = what;
	p->kind = how->press;
	p->rate = how->rate;
	p->start_us = clock_us();
	p->inner[0] = p->inner[1] = -1;
	if (p->kind == ARCHIVE_PLAIN && pipe2(p->inner, O_CLOEXEC) == -1)
		p->inner[0] = p->inner[1] = -1; /* they are copied then */
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		/* Or as they are; a file copies from a small one faster. */
		fcntl(fd, F_SETPIPE_SZ, PRESS_PIPE_BYTES);
		fcntl(p->inner[1], F_SETPIPE_SZ, PRESS_PIPE_BYTES);
	}
	if (p->kind == ARCHIVE_ZSTD)
		rc = start_zstd(p, how, err);
	else if (p->kind == ARCHIVE_GZIP)
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
	stamp_free(p->stamp);
	fd_drop(&p->inner[0]);
	fd_drop(&p->inner[1]);
	free(p);
}

uint64_t
press_bytes(const struct press *p)
{
	return p->bytes;
}

int
press_account(struct press *p, uint64_t len, struct error *err)
{
	int64_t due_us, ahead_us;

	p->bytes += len;
	if (sig_check(err) == -1)
		return -1;
	if (p->rate == 0)
		return 0;
	due_us = (int64_t)((double)p->bytes / (double)p->rate * 1e6);
	ahead_us = due_us - (clock_us() - p->start_us);
	while (ahead_us > 1000) {
		clock_nap(ahead_us > 200000 ? 200 : (int)(ahead_us / 1000));
		if (sig_check(err) == -1)
			return -1;
		ahead_us = due_us - (clock_us() - p->start_us);
	}
	return 0;
}

size_t
press_step(const struct press *p, uint64_t len)
{
	uint64_t max = PRESS_STEP_MAX;

	if (p->rate != 0 && p->rate / 10 + TAR_BLOCK < max)
		max = p->rate / 10 + TAR_BLOCK;
	return len < max ? (size_t)len : (size_t)max;
}

static int
put_now(struct press *p, const void *buf, size_t len, struct error *err)
{
	size_t done, n;

	if (press_flush(p, err) == -1)
		return -1;
	for (done = 0; done < len; done += n) {
		n = press_step(p, len - done);
		if (fd_write(p->fd, (const char *)buf + done, n, p->what,
			err) == -1 ||
		    press_account(p, n, err) == -1)
			return -1;
	}
	return 0;
}

/* What a compressor made. */
static int
put_packed(struct press *p, size_t len, struct error *err)
{
	stamp_add(p->stamp, p->out, len);
	return put_now(p, p->out, len, err);
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
		if (out.pos != 0 && put_packed(p, out.pos, err) == -1)
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
		if (put_packed(p, sizeof(p->out) - p->gzip.avail_out, err) ==
		    -1)
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

int
press_pack(struct press *p, struct error *err)
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
		return put_now(p, buf, len, err);
	for (done = 0; done < len; done += n) {
		n = sizeof(p->in) - p->in_n;
		if (n > len - done)
			n = len - done;
		memcpy(p->in + p->in_n, (const char *)buf + done, n);
		p->in_n += n;
		if (p->in_n == sizeof(p->in) && press_pack(p, err) == -1)
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
press_end(struct press *p, struct error *err)
{
	unsigned char stamp[STAMP_BYTES_MAX];
	size_t len;

	if (p->kind == ARCHIVE_PLAIN)
		return press_zeros(p, 2 * TAR_BLOCK, err);
	if (press_pack(p, err) == -1 || pack(p, NULL, 0, true, err) == -1)
		return -1;
	stamp_make(stamp, &len, p->stamp);
	return put_now(p, stamp, len, err);
}
