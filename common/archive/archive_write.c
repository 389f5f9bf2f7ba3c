/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/ahead.h"
#include "archive/archive.h"
#include "archive/press.h"
#include "archive/survey.h"
#include "archive/tar_head.h"
#include "archive/tar_sparse.h"
#include "base/num.h"

#define MODE_TEXT 0644u
#define MODE_FILE 0600u /* guest memory holds secrets */
#define PAX_BYTES 2048 /* four records, the longest a name */
#define MAP_TEXT_BYTES (32u << 10)
#define MAP_NUMBER_MAX 24 /* bytes of a number and its newline */

struct archive_writer {
	struct press *press;
	struct archive_how how;
	struct sparse_map map;
	uint64_t done_bytes; /* of data */
	char text[MAP_TEXT_BYTES];
};

int
archive_writer_new(struct archive_writer **out, int fd, const char *what,
    const struct archive_how *how, struct error *err)
{
	struct archive_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return error_sys(err, EX_OSERR, "%s", what);
	w->how = *how;
	if (press_new(&w->press, fd, what, how, err) == -1) {
		free(w);
		return -1;
	}
	*out = w;
	return 0;
}

void
archive_writer_free(struct archive_writer *w)
{
	if (w == NULL)
		return;
	press_free(w->press);
	sparse_map_fini(&w->map);
	free(w);
}

uint64_t
archive_writer_bytes(const struct archive_writer *w)
{
	return press_bytes(w->press);
}

static uint64_t
padded(uint64_t len)
{
	return num_round_up(len, TAR_BLOCK);
}

static size_t
digits_of(uint64_t n)
{
	size_t digits = 1;

	for (; n >= 10; n /= 10)
		digits++;
	return digits;
}

/* Appends the number and a newline. */
static size_t
put_number(char *at, uint64_t n)
{
	size_t digits = digits_of(n), i;

	for (i = digits; i-- > 0; n /= 10)
		at[i] = (char)('0' + n % 10);
	at[digits] = '\n';
	return digits + 1;
}

/* A file that ends in a hole has an empty run at its end. */
static bool
ends_in_hole(const struct sparse_map *map, uint64_t size)
{
	return map->end != size;
}

static uint64_t
map_text_bytes(const struct sparse_map *map, uint64_t size)
{
	uint64_t sum, off, len;
	struct sparse_iter it;

	sum = digits_of(map->runs + ends_in_hole(map, size)) + 1;
	sparse_iter_init(&it, map);
	while (sparse_iter_next(&it, &off, &len))
		sum += digits_of(off) + digits_of(len) + 2;
	if (ends_in_hole(map, size))
		sum += digits_of(size) + 3;
	return sum;
}

/* The map in decimal, padded to a block. */
static int
write_map(struct archive_writer *w, uint64_t size, struct error *err)
{
	uint64_t off, len, total = map_text_bytes(&w->map, size);
	struct sparse_iter it;
	size_t n;

	n = put_number(w->text, w->map.runs + ends_in_hole(&w->map, size));
	sparse_iter_init(&it, &w->map);
	while (sparse_iter_next(&it, &off, &len)) {
		if (sizeof(w->text) - n < 4 * MAP_NUMBER_MAX) {
			if (press_write(w->press, w->text, n, err) == -1)
				return -1;
			n = 0;
		}
		n += put_number(w->text + n, off);
		n += put_number(w->text + n, len);
	}
	if (ends_in_hole(&w->map, size)) {
		n += put_number(w->text + n, size);
		n += put_number(w->text + n, 0);
	}
	if (press_write(w->press, w->text, n, err) == -1)
		return -1;
	return press_zeros(w->press, padded(total) - total, err);
}

static int
add_u64(char *body, size_t *len, const char *key, uint64_t n, struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return tar_pax_add(body, PAX_BYTES, len, key, text, err);
}

/*
 * The PAX records of an entry whose stored bytes are `stored`: sizes beyond
 * eleven octal digits, names beyond the field, and that it is sparse.
 */
static int
make_pax(char body[PAX_BYTES], size_t *len, const char *name, uint64_t stored,
    bool is_sparse, uint64_t size, struct error *err)
{
	*len = 0;
	if (stored > UINT64_C(077777777777) &&
	    add_u64(body, len, "size", stored, err) == -1)
		return -1;
	if (!is_sparse)
		return strlen(name) <= 100
		    ? 0
		    : tar_pax_add(body, PAX_BYTES, len, "path", name, err);
	if (add_u64(body, len, "GNU.sparse.major", 1, err) == -1 ||
	    add_u64(body, len, "GNU.sparse.minor", 0, err) == -1 ||
	    tar_pax_add(body, PAX_BYTES, len, "GNU.sparse.name", name, err) ==
		-1)
		return -1;
	return add_u64(body, len, "GNU.sparse.realsize", size, err);
}

static int
write_head(struct archive_writer *w, const char *name, uint64_t stored,
    bool is_sparse, uint64_t size, unsigned mode, struct error *err)
{
	unsigned char block[TAR_BLOCK];
	char body[PAX_BYTES], path[PATH_NAME_MAX + 32];
	size_t len;

	if (make_pax(body, &len, name, stored, is_sparse, size, err) == -1)
		return -1;
	if (len != 0) {
		snprintf(path, sizeof(path), "PaxHeader/%s", name);
		tar_head_encode(block, path, len, 'x', MODE_TEXT);
		if (press_write(w->press, block, TAR_BLOCK, err) == -1 ||
		    press_write(w->press, body, len, err) == -1 ||
		    press_zeros(w->press, padded(len) - len, err) == -1)
			return -1;
	}
	snprintf(path, sizeof(path), "%s%s",
	    is_sparse ? "GNUSparseFile.0/" : "", name);
	tar_head_encode(block, path, stored, '0', mode);
	return press_write(w->press, block, TAR_BLOCK, err);
}

int
archive_writer_text(struct archive_writer *w, const char *name,
    const void *text, size_t len, struct error *err)
{
	if (write_head(w, name, len, false, len, MODE_TEXT, err) == -1 ||
	    press_write(w->press, text, len, err) == -1)
		return -1;
	return press_zeros(w->press, padded(len) - len, err);
}

static int
write_run(struct archive_writer *w, int fd, uint64_t off, uint64_t len,
    const char *name, struct error *err)
{
	uint64_t n;

	for (; len != 0; off += n, len -= n) {
		n = len < NUM_MIB ? len : NUM_MIB;
		if (press_file(w->press, fd, off, n, name, err) == -1)
			return -1;
		w->done_bytes += n;
		if (w->how.progress != NULL)
			w->how.progress(w->how.arg, w->done_bytes);
	}
	return 0;
}

/* All runs; what lies between them only when `is_dense`. */
static int
write_runs(struct archive_writer *w, int fd, uint64_t size, bool is_dense,
    const char *name, struct error *err)
{
	uint64_t off, len, end = 0, before = w->done_bytes;
	struct sparse_iter it;
	struct ahead ahead;

	ahead_init(&ahead, fd, &w->map);
	sparse_iter_init(&it, &w->map);
	while (sparse_iter_next(&it, &off, &len)) {
		ahead_of(&ahead, w->done_bytes - before);
		if (is_dense && press_zeros(w->press, off - end, err) == -1)
			return -1;
		if (write_run(w, fd, off, len, name, err) == -1)
			return -1;
		end = off + len;
	}
	return is_dense ? press_zeros(w->press, size - end, err) : 0;
}

int
archive_writer_file(struct archive_writer *w, const char *name, int fd,
    uint64_t size, struct error *err)
{
	uint64_t stored = size;
	bool is_sparse;

	if (survey_file(&w->map, fd, size, SPARSE_MAP_BYTES_MAX, name, err) ==
	    -1)
		return -1;
	is_sparse = !w->how.is_dense && w->map.data_bytes != size;
	if (is_sparse)
		stored = padded(map_text_bytes(&w->map, size)) +
		    w->map.data_bytes;
	if (write_head(w, name, stored, is_sparse, size, MODE_FILE, err) == -1)
		return -1;
	if (is_sparse && write_map(w, size, err) == -1)
		return -1;
	if (write_runs(w, fd, size, !is_sparse, name, err) == -1)
		return -1;
	return press_zeros(w->press, padded(stored) - stored, err);
}

int
archive_writer_end(struct archive_writer *w, struct error *err)
{
	return press_end(w->press, err);
}

int
archive_estimate(uint64_t *tar_bytes, uint64_t *data_bytes, int fd,
    const char *name, uint64_t size, bool is_dense, struct error *err)
{
	struct sparse_map map = { 0 };
	char body[PAX_BYTES];
	uint64_t stored = size;
	bool is_sparse;
	size_t len;
	int rc = -1;

	if (survey_file(&map, fd, size, SPARSE_MAP_BYTES_MAX, name, err) == -1)
		goto out;
	is_sparse = !is_dense && map.data_bytes != size;
	if (is_sparse)
		stored = padded(map_text_bytes(&map, size)) + map.data_bytes;
	if (make_pax(body, &len, name, stored, is_sparse, size, err) == -1)
		goto out;
	*tar_bytes = TAR_BLOCK + padded(stored) +
	    (len == 0 ? 0 : TAR_BLOCK + padded(len));
	*data_bytes = map.data_bytes;
	rc = 0;
out:
	sparse_map_fini(&map);
	return rc;
}
