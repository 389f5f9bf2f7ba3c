/* SPDX-License-Identifier: ISC */
#include "pack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/fd.h"
#include "disk/writeback.h"

#define PACK_OUTPUT_BYTES (256u * 1024)
#define PACK_ZEROS (128u * 1024)

static const unsigned char zeros[PACK_ZEROS];

struct pack {
	int fd;
	const char *what;
	ZSTD_CCtx *zstd;
	unsigned char *output; /* PACK_OUTPUT_BYTES */
	bool will_sync;
	struct writeback writeback;
	uint64_t off; /* of the output file, from where the frame began */
};

int
pack_new(struct pack **out, int fd, const char *what, uint64_t size_bytes,
    int level, int threads, struct error *err)
{
	struct pack *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	p->fd = fd;
	p->what = what;
	p->output = malloc(PACK_OUTPUT_BYTES);
	p->zstd = ZSTD_createCCtx();
	if (p->output == NULL || p->zstd == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd,
		ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(p->zstd, size_bytes))) {
		pack_free(p);
		return error_nomem(err, what);
	}
	/* A library without threads does its best without. */
	(void)ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_nbWorkers, threads);
	*out = p;
	return 0;
}

void
pack_free(struct pack *pack)
{
	if (pack == NULL)
		return;
	writeback_fini(&pack->writeback);
	ZSTD_freeCCtx(pack->zstd);
	free(pack->output);
	free(pack);
}

void
pack_will_sync(struct pack *pack)
{
	pack->will_sync = true;
}

/* One call of the compressor; what comes out is written. */
static int
step(struct pack *p, ZSTD_inBuffer *in, ZSTD_EndDirective mode, size_t *left,
    struct error *err)
{
	ZSTD_outBuffer out = { p->output, PACK_OUTPUT_BYTES, 0 };

	*left = ZSTD_compressStream2(p->zstd, &out, in, mode);
	if (ZSTD_isError(*left))
		return error_set(err, EX_SOFTWARE, "%s: zstd: %s", p->what,
		    ZSTD_getErrorName(*left));
	if (out.pos == 0)
		return 0;
	if (fd_write(p->fd, p->output, out.pos, p->what, err) == -1)
		return -1;
	p->off += out.pos;
	if (p->will_sync)
		writeback_to(&p->writeback, p->fd, p->off);
	return 0;
}

static int
pack_data(struct pack *p, const void *buf, size_t len, struct error *err)
{
	ZSTD_inBuffer in = { buf, len, 0 };
	size_t left;

	while (in.pos < in.size)
		if (step(p, &in, ZSTD_e_continue, &left, err) == -1)
			return -1;
	return 0;
}

int
pack_take(const struct relay_piece *piece, void *arg, struct error *err)
{
	uint64_t left = piece->len;
	size_t part;

	if (piece->data != NULL)
		return pack_data(arg, piece->data, (size_t)piece->len, err);
	while (left > 0) {
		part = left < PACK_ZEROS ? (size_t)left : PACK_ZEROS;
		if (pack_data(arg, zeros, part, err) == -1)
			return -1;
		left -= part;
	}
	return 0;
}

int
pack_finish(struct pack *pack, struct error *err)
{
	ZSTD_inBuffer in = { NULL, 0, 0 };
	size_t left;

	do {
		if (step(pack, &in, ZSTD_e_end, &left, err) == -1)
			return -1;
	} while (left != 0);
	writeback_wait(&pack->writeback);
	return 0;
}
