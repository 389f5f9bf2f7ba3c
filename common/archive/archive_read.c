/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive_impl.h"

#define RECORD_BYTES 10240 /* what others pad an archive to */
#define END_ZEROS_MAX (1u << 20) /* zero bytes that may stand at the end */

/* The data of a header that extends the next one, into buf. */
static int
take_body(struct archive_reader *r, char *buf, size_t max, struct error *err)
{
	size_t got;

	if (r->head.size > max)
		return error_set(err, EX_DATAERR,
		    "header of %" PRIu64 " bytes, above %zu", r->head.size,
		    max);
	if (reader_copy(r, buf, (size_t)r->head.size, &got, err) == -1)
		return -1;
	if (got != r->head.size)
		return reader_ends_early(err);
	r->padding = reader_padding(r->head.size);
	return reader_skip_padding(r, err);
}

static int
take_pax(struct archive_reader *r, bool is_global, struct error *err)
{
	struct tar_pax *p = &r->pax;
	char text[128];

	if (r->has_pax && !is_global)
		return error_set(err, EX_DATAERR, "two PAX headers in a row");
	if (is_global && r->has_pax)
		return error_set(err, EX_DATAERR,
		    "global header between an entry and its own");
	if (r->body == NULL)
		r->body = malloc(TAR_PAX_MAX);
	if (r->body == NULL)
		return error_sys(err, EX_OSERR, "PAX header");
	if (take_body(r, r->body, TAR_PAX_MAX, err) == -1 ||
	    tar_pax_decode(p, r->body, (size_t)r->head.size, err) == -1)
		return -1;
	if (p->unknown != NULL) {
		snprintf(text, sizeof(text), "unknown PAX record %.*s",
		    (int)(p->unknown_len < 64 ? p->unknown_len : 64),
		    p->unknown);
		reader_oddity(r, text);
	}
	r->has_pax = !is_global;
	if (!is_global)
		return 0;
	if (p->has_path || p->has_size || p->sparse != TAR_SPARSE_NONE)
		return error_set(err, EX_DATAERR,
		    "global header with a name, size or map");
	reader_oddity(r, "global header");
	return 0;
}

static int
take_long_name(struct archive_reader *r, struct error *err)
{
	if (r->has_long_name)
		return error_set(err, EX_DATAERR, "two long names in a row");
	if (take_body(r, r->long_name, TAR_PATH_MAX, err) == -1)
		return -1;
	r->long_name[r->head.size] = '\0';
	r->has_long_name = true;
	return 0;
}

static const char *
path_of(const struct archive_reader *r)
{
	if (r->has_pax && r->pax.has_sparse_name)
		return r->pax.sparse_name;
	if (r->has_pax && r->pax.has_path)
		return r->pax.path;
	return r->has_long_name ? r->long_name : r->head.path;
}

static int
judge_name(struct archive_reader *r, struct error *err)
{
	const char *path = path_of(r), *name = path;

	if (strncmp(name, "./", 2) == 0)
		name += 2;
	if (!path_is_name(name))
		return error_set(err, EX_DATAERR,
		    "name \"%.200s\" is not a plain one", path);
	memcpy(r->what, name, strlen(name) + 1);
	return 0;
}

static int
refuse_type(const struct archive_reader *r, struct error *err)
{
	static const char *const kinds[] = { "a hard link", "a symbolic link",
		"a character device", "a block device", "a directory",
		"a fifo" };
	char type = r->head.type;

	if (type >= '1' && type <= '6')
		return error_set(err, EX_DATAERR, "\"%.200s\" is %s",
		    path_of(r), kinds[type - '1']);
	return error_set(err, EX_DATAERR,
	    "\"%.200s\" is of unknown type 0x%02x", path_of(r),
	    (unsigned)(unsigned char)type);
}

/* Runs of the map, and nothing else, are what the entry holds. */
static int
judge_sum(struct archive_reader *r, uint64_t stored, struct error *err)
{
	if (stored != r->map.data_bytes)
		return error_set(err, EX_DATAERR,
		    "sparse map of %" PRIu64 " bytes, entry of %" PRIu64,
		    r->map.data_bytes, stored);
	return 0;
}

/* GNU PAX 1.0: the map comes first; *stored becomes what is behind it. */
static int
take_map(struct archive_reader *r, uint64_t *stored, struct error *err)
{
	unsigned char block[TAR_BLOCK];
	struct sparse_text text;

	sparse_text_init(&text, r->pax.real_size);
	while (!text.is_done) {
		if (*stored < TAR_BLOCK)
			return error_set(err, EX_DATAERR,
			    "sparse map does not end");
		*stored -= TAR_BLOCK;
		if (reader_block(r, block, err) == -1 ||
		    sparse_text_block(&text, &r->map, block, err) == -1)
			return -1;
	}
	return judge_sum(r, *stored, err);
}

static int
take_old_map(struct archive_reader *r, uint64_t *real_size,
    unsigned char block[TAR_BLOCK], struct error *err)
{
	bool more;

	if (sparse_old_head(&r->map, real_size, &more, block, err) == -1)
		return -1;
	while (more)
		if (reader_block(r, block, err) == -1 ||
		    sparse_old_block(&r->map, *real_size, &more, block, err) ==
			-1)
			return -1;
	return 0;
}

/* Finds form, size and map of an entry whose name has been judged. */
static int
judge_entry(struct archive_reader *r, struct archive_entry *out,
    unsigned char block[TAR_BLOCK], struct error *err)
{
	static const char *const forms[] = { "plain", "gnu-0.0", "gnu-0.1",
		"gnu-1.0", "gnu-old", "cocoon" };
	enum tar_sparse_kind kind = r->has_pax ? r->pax.sparse
					       : TAR_SPARSE_NONE;
	uint64_t stored = r->has_pax && r->pax.has_size ? r->pax.size
							: r->head.size;

	sparse_map_clear(&r->map);
	out->size = kind == TAR_SPARSE_NONE ? stored : r->pax.real_size;
	if (r->head.type == 'S') {
		if (kind != TAR_SPARSE_NONE)
			return error_set(err, EX_DATAERR,
			    "two sparse forms at once");
		kind = TAR_SPARSE_GNU_OLD;
		if (take_old_map(r, &out->size, block, err) == -1 ||
		    judge_sum(r, stored, err) == -1)
			return -1;
	} else if (kind == TAR_SPARSE_GNU_10) {
		if (take_map(r, &stored, err) == -1)
			return -1;
	} else if (kind != TAR_SPARSE_NONE) {
		if (sparse_map_from_pax(&r->map, &r->pax, err) == -1 ||
		    judge_sum(r, stored, err) == -1)
			return -1;
	} else if (r->has_pax && r->pax.has_real_size &&
	    r->pax.real_size != stored) {
		return error_set(err, EX_DATAERR, "unknown sparse form");
	}
	r->is_sparse = kind != TAR_SPARSE_NONE;
	out->form = forms[kind];
	out->data_bytes = stored;
	out->runs = r->is_sparse ? r->map.runs : stored != 0;
	r->padding = reader_padding(stored);
	return 0;
}

/* Reads to the stream's very end, so that its checks have all been made. */
static int
take_end(struct archive_reader *r, struct error *err)
{
	uint64_t zeros = TAR_BLOCK;
	const unsigned char *p;
	size_t n, i;

	r->what[0] = '\0';
	for (;;) {
		if (reader_take(r, &p, &n, CHUNK_BYTES, err) == -1)
			return -1;
		if (n == 0)
			break;
		for (i = 0; i < n && p[i] == 0; i++)
			continue;
		if (i != n)
			reader_oddity(r, "bytes behind the end of the archive");
		zeros += n;
		if (zeros > END_ZEROS_MAX)
			return error_set(err, EX_DATAERR,
			    "more than 1 MiB behind the end of the archive");
	}
	if (zeros < 2 * TAR_BLOCK)
		reader_oddity(r, "one zero block at the end, not two");
	else if (zeros != 2 * TAR_BLOCK && r->off % RECORD_BYTES != 0)
		reader_oddity(r, "zeros behind the end of the archive");
	if (decode_has_padding(r->decode))
		reader_oddity(r, "zeros behind the compressed data");
	r->is_at_end = true;
	return 0;
}

/* 1 a file, 0 the end, 2 another header comes first, -1. */
static int
take_head(struct archive_reader *r, struct archive_entry *out,
    struct error *err)
{
	unsigned char block[TAR_BLOCK];

	r->what[0] = '\0';
	r->head_off = r->off;
	if (reader_block(r, block, err) == -1)
		return -1;
	if (tar_block_is_zero(block)) {
		if (r->has_pax || r->has_long_name)
			return reader_ends_early(err);
		return take_end(r, err) == -1 ? -1 : 0;
	}
	if (tar_head_decode(&r->head, block, err) == -1)
		return -1;
	memcpy(r->what, r->head.path, sizeof(r->what) - 1);
	if (!r->head.is_exact)
		reader_oddity(r, "unusual checksum field");
	if (!r->has_pax && !r->has_long_name)
		out->head_off = r->head_off;
	switch (r->head.type) {
	case 'x':
	case 'X': /* the same of Solaris tar */
		return take_pax(r, false, err) == -1 ? -1 : 2;
	case 'g':
		return take_pax(r, true, err) == -1 ? -1 : 2;
	case 'L':
		return take_long_name(r, err) == -1 ? -1 : 2;
	case '5':
		if (strcmp(path_of(r), "./") != 0 &&
		    strcmp(path_of(r), ".") != 0)
			return refuse_type(r, err);
		if (r->head.size != 0)
			return error_set(err, EX_DATAERR,
			    "a directory with data");
		r->has_pax = r->has_long_name = false;
		return 2;
	case '0':
	case '7':
	case 'S':
		break;
	default:
		return refuse_type(r, err);
	}
	if (++r->entries > ARCHIVE_ENTRIES_MAX)
		return error_set(err, EX_DATAERR, "more than %d entries",
		    ARCHIVE_ENTRIES_MAX);
	if (judge_name(r, err) == -1 || judge_entry(r, out, block, err) == -1)
		return -1;
	return 1;
}

int
archive_reader_next(struct archive_reader *r, struct archive_entry *out,
    struct error *err)
{
	struct archive_piece piece;
	int rc;

	if (r->is_at_end)
		return 0;
	while ((rc = archive_reader_data(r, &piece, err)) == 1)
		continue;
	if (rc == -1)
		return -1;
	r->has_pax = r->has_long_name = false;
	do
		rc = take_head(r, out, err);
	while (rc == 2);
	if (rc == -1)
		return reader_wrap_at(r, r->head_off, err);
	if (rc == 0)
		return 0;
	memcpy(out->name, r->what, sizeof(out->name));
	sparse_iter_init(&r->runs, &r->map);
	r->run_off = 0;
	r->run_left = r->is_sparse ? 0 : out->size;
	return 1;
}

int
archive_reader_data(struct archive_reader *r, struct archive_piece *out,
    struct error *err)
{
	size_t max;

	if (r->run_left == 0 &&
	    (!r->is_sparse ||
		!sparse_iter_next(&r->runs, &r->run_off, &r->run_left))) {
		if (r->padding != 0 && reader_skip_padding(r, err) == -1)
			return archive_reader_wrap(r, err);
		return 0;
	}
	max = r->run_left < CHUNK_BYTES ? (size_t)r->run_left : CHUNK_BYTES;
	if (reader_take(r, &out->data, &out->len, max, err) == -1)
		return archive_reader_wrap(r, err);
	if (out->len == 0) {
		reader_ends_early(err);
		return archive_reader_wrap(r, err);
	}
	out->off = r->run_off;
	out->chunk = r->chunk;
	r->run_off += out->len;
	r->run_left -= out->len;
	return 1;
}

int
archive_reader_open(struct archive_reader **out, int fd, struct error *err)
{
	struct archive_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return error_sys(err, EX_OSERR, "archive");
	if (decode_open(&r->decode, fd, err) == -1) {
		free(r);
		return -1;
	}
	*out = r;
	return 0;
}

void
archive_reader_free(struct archive_reader *r)
{
	if (r == NULL)
		return;
	decode_free(r->decode);
	sparse_map_fini(&r->map);
	free(r->body);
	free(r);
}

struct chunk_flow *
archive_reader_flow(struct archive_reader *r)
{
	return decode_flow(r->decode);
}

const char *
archive_reader_oddity(const struct archive_reader *r)
{
	return r->oddity[0] == '\0' ? NULL : r->oddity;
}

uint64_t
archive_reader_read_bytes(struct archive_reader *r)
{
	return decode_read_bytes(r->decode);
}

uint64_t
archive_reader_tar_bytes(const struct archive_reader *r)
{
	return r->off;
}
