/* SPDX-License-Identifier: ISC */
/* The bytes of a tar, one after the other, for its reader. */
#include <inttypes.h>
#include <string.h>

#include "archive/archive_impl.h"

void
reader_oddity(struct archive_reader *r, const char *text)
{
	struct error e;

	if (r->oddity[0] != '\0')
		return;
	error_set(&e, EX_DATAERR, "%s", text);
	archive_reader_wrap(r, &e);
	memcpy(r->oddity, e.msg, sizeof(r->oddity));
}

int
reader_wrap_at(const struct archive_reader *r, uint64_t off, struct error *err)
{
	if (r->what[0] == '\0')
		return error_wrap(err, "byte %" PRIu64 " of the tar", off);
	return error_wrap(err, "%s: byte %" PRIu64 " of the tar", r->what, off);
}

int
archive_reader_wrap(const struct archive_reader *r, struct error *err)
{
	return reader_wrap_at(r, r->off, err);
}

int
reader_take(struct archive_reader *r, const unsigned char **p, size_t *len,
    size_t max, struct error *err)
{
	struct chunk_flow *flow = decode_flow(r->decode);

	while (r->chunk == NULL || r->pos == r->chunk->len) {
		if (r->chunk != NULL)
			chunk_release(flow, r->chunk);
		r->chunk = NULL;
		r->pos = 0;
		if (chunk_flow_pop(flow, &r->chunk, err) == -1)
			return -1;
		if (r->chunk == NULL) {
			*len = 0;
			return 0;
		}
	}
	*p = r->chunk->data + r->pos;
	*len = r->chunk->len - r->pos;
	if (*len > max)
		*len = max;
	r->pos += *len;
	r->off += *len;
	return 0;
}

int
reader_ends_early(struct error *err)
{
	return error_set(err, EX_DATAERR, "the archive ends early");
}

int
reader_copy(struct archive_reader *r, void *buf, size_t len, size_t *got,
    struct error *err)
{
	const unsigned char *p;
	size_t n;

	for (*got = 0; *got < len; *got += n) {
		if (reader_take(r, &p, &n, len - *got, err) == -1)
			return -1;
		if (n == 0)
			break;
		memcpy((char *)buf + *got, p, n);
	}
	return 0;
}

int
reader_block(struct archive_reader *r, unsigned char block[TAR_BLOCK],
    struct error *err)
{
	size_t got;

	if (reader_copy(r, block, TAR_BLOCK, &got, err) == -1)
		return -1;
	return got == TAR_BLOCK ? 0 : reader_ends_early(err);
}

int
reader_skip_padding(struct archive_reader *r, struct error *err)
{
	unsigned char block[TAR_BLOCK];
	size_t got, i;

	if (reader_copy(r, block, r->padding, &got, err) == -1)
		return -1;
	if (got != r->padding)
		return reader_ends_early(err);
	r->padding = 0;
	for (i = 0; i < got; i++)
		if (block[i] != 0) {
			reader_oddity(r, "padding is not zero");
			break;
		}
	return 0;
}

size_t
reader_padding(uint64_t len)
{
	return (size_t)(TAR_BLOCK - len % TAR_BLOCK) % TAR_BLOCK;
}
