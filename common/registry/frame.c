/* SPDX-License-Identifier: ISC */
#include "registry/frame.h"

#include <zstd.h>

void
frame_coder_fini(struct frame_coder *coder)
{
	ZSTD_freeCCtx(coder->press);
	ZSTD_freeDCtx(coder->open);
	coder->press = NULL;
	coder->open = NULL;
}

int
frame_pack(unsigned char *out, size_t *len, struct frame_coder *coder,
    const unsigned char *pages, size_t n, struct error *err)
{
	size_t got;

	if (coder->press == NULL)
		coder->press = ZSTD_createCCtx();
	if (coder->press == NULL)
		return error_nomem(err, "zstd");
	got = ZSTD_compressCCtx(coder->press, out, LEAF_FRAME_BYTES_MAX, pages,
	    n * LEAF_PAGE, FRAME_LEVEL);
	if (ZSTD_isError(got))
		return error_set(err, EX_OSERR, "zstd: %s",
		    ZSTD_getErrorName(got));
	*len = got;
	return 0;
}

int
frame_unpack(unsigned char *pages, size_t n, struct frame_coder *coder,
    const unsigned char *raw, size_t len, struct error *err)
{
	size_t got;

	if (ZSTD_getFrameContentSize(raw, len) != n * LEAF_PAGE ||
	    ZSTD_findFrameCompressedSize(raw, len) != len)
		return error_set(err, EX_DATAERR, "no zstd frame of %zu pages",
		    n);
	if (coder->open == NULL)
		coder->open = ZSTD_createDCtx();
	if (coder->open == NULL)
		return error_nomem(err, "zstd");
	got = ZSTD_decompressDCtx(coder->open, pages, n * LEAF_PAGE, raw, len);
	if (ZSTD_isError(got))
		return error_set(err, EX_DATAERR, "zstd: %s",
		    ZSTD_getErrorName(got));
	if (got != n * LEAF_PAGE)
		return error_set(err, EX_DATAERR,
		    "a frame of %zu bytes for %zu pages", got, n);
	return 0;
}
