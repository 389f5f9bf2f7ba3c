/* SPDX-License-Identifier: ISC */
#include "order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/le.h"

#define MAGIC "INSTAROR"
#define MAGIC_BYTES 8
#define VERSION 1
#define HEAD 16 /* bytes */
#define UNIT 8
#define SLOTS (2 * ORDER_MAX) /* a power of two */

/* Appends a unit that is new; one too many is left out. */
static bool
add(struct order *o, uint32_t file, uint32_t number)
{
	uint64_t hash = ((uint64_t)file << 32 | number) *
	    UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / phi */
	uint32_t i = (uint32_t)(hash >> 32) % SLOTS;

	for (; o->slots[i] != 0; i = (i + 1) % SLOTS)
		if (o->v[o->slots[i] - 1].file == file &&
		    o->v[o->slots[i] - 1].number == number)
			return false;
	if (o->n == ORDER_MAX)
		return false;
	o->v[o->n++] = (struct order_unit){ file, number };
	o->slots[i] = (uint32_t)o->n;
	return true;
}

/* Whoever wrote it: a unit that no file has is passed over. */
static void
decode(struct order *o, const struct image *image, const unsigned char *raw,
    size_t len)
{
	const struct page_index *x = &image->index;
	uint32_t file, number;
	size_t i, n;

	if (len < HEAD || memcmp(raw, MAGIC, MAGIC_BYTES) != 0 ||
	    le32(raw + 8) != VERSION)
		return;
	n = le32(raw + 12);
	if (n > (len - HEAD) / UNIT)
		return;
	for (i = 0; i < n; i++) {
		file = le32(raw + HEAD + i * UNIT);
		number = le32(raw + HEAD + i * UNIT + 4);
		if (file < x->files_n &&
		    number * ORDER_UNIT < x->files[file].bytes)
			add(o, file, number);
	}
}

int
order_init(struct order *o, const struct image *image, int dirfd,
    struct error *err)
{
	char *raw;
	size_t len;

	memset(o, 0, sizeof(*o));
	o->dirfd = dirfd;
	hex_put(o->name, image->digest.raw, DIGEST_BYTES);
	strncat(o->name, "-order", sizeof(o->name) - 1 - strlen(o->name));
	o->v = calloc(ORDER_MAX, sizeof(*o->v));
	o->slots = calloc(SLOTS, sizeof(*o->slots));
	if (o->v == NULL || o->slots == NULL)
		return error_nomem(err, "order");
	if (fd_slurp(&raw, &len, dirfd, o->name, HEAD + UNIT * ORDER_MAX,
		NULL) == 0) {
		decode(o, image, (unsigned char *)raw, len);
		free(raw);
	}
	o->loaded_n = o->n;
	return 0;
}

void
order_fini(struct order *o)
{
	free(o->v);
	free(o->slots);
	o->v = NULL;
	o->slots = NULL;
}

void
order_touch(struct order *o, uint32_t file, uint64_t off, size_t len)
{
	uint64_t number, last = (off + len - 1) / ORDER_UNIT;

	for (number = off / ORDER_UNIT; number <= last; number++)
		if (add(o, file, (uint32_t)number) && o->save_ms == 0)
			o->save_ms = clock_ms() + ORDER_SAVE_MS;
}

void
order_save(struct order *o)
{
	unsigned char *raw;
	size_t i, len = HEAD + UNIT * o->n;

	if (o->v == NULL || o->save_ms == 0)
		return;
	o->save_ms = 0;
	raw = malloc(len);
	if (raw == NULL)
		return;
	memcpy(raw, MAGIC, MAGIC_BYTES);
	le32_put(raw + 8, VERSION);
	le32_put(raw + 12, (uint32_t)o->n);
	for (i = 0; i < o->n; i++) {
		le32_put(raw + HEAD + i * UNIT, o->v[i].file);
		le32_put(raw + HEAD + i * UNIT + 4, o->v[i].number);
	}
	fd_replace_file(o->dirfd, o->name, raw, len, false, NULL);
	free(raw);
}
