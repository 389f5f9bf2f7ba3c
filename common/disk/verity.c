/* SPDX-License-Identifier: ISC */
#include "disk/verity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/num.h"
#include "base/sha256.h"
#include "disk/extent.h"

#define VERITY_FANOUT (VERITY_BLOCK / DIGEST_BYTES)
/* 2^64 bytes are 2^52 blocks; each level has a 128th of the one below. */
#define VERITY_LEVELS 9

/*
 * What zeros of 4096 * 128^k bytes contribute at level k: the SHA-256 of 4096
 * zeros, then each time of 128 of the hash before.
 */
static const unsigned char zero_hash[VERITY_LEVELS - 1][DIGEST_BYTES] = {
	{ 0xad, 0x7f, 0xac, 0xb2, 0x58, 0x6f, 0xc6, 0xe9, 0x66, 0xc0, 0x04,
	    0xd7, 0xd1, 0xd1, 0x6b, 0x02, 0x4f, 0x58, 0x05, 0xff, 0x7c, 0xb4,
	    0x7c, 0x7a, 0x85, 0xda, 0xbd, 0x8b, 0x48, 0x89, 0x2c, 0xa7 },
	{ 0xb2, 0x4a, 0x5d, 0xfc, 0x70, 0x87, 0xb0, 0x9c, 0x73, 0x78, 0xbb,
	    0x91, 0x00, 0xb5, 0xea, 0x91, 0x3f, 0x28, 0x3d, 0xa2, 0xc8, 0xca,
	    0x05, 0x29, 0x7f, 0x39, 0x45, 0x7c, 0xbd, 0xd6, 0x51, 0xd4 },
	{ 0x45, 0xd6, 0x5d, 0x6f, 0x9e, 0x5a, 0x96, 0x2f, 0x4d, 0x80, 0xb5,
	    0xf1, 0xbd, 0x7a, 0x91, 0x81, 0x52, 0x25, 0x1c, 0x27, 0xbd, 0xad,
	    0x8c, 0x5f, 0x52, 0xb5, 0x90, 0xc1, 0x29, 0x83, 0x33, 0x72 },
	{ 0x49, 0x93, 0x6c, 0x34, 0x4f, 0x6a, 0xa7, 0x58, 0x58, 0xa7, 0x64,
	    0x50, 0x76, 0x4e, 0x66, 0x60, 0x75, 0xad, 0x1c, 0x7f, 0x47, 0xa5,
	    0x85, 0x81, 0x11, 0xf8, 0xb6, 0xc6, 0xa3, 0x43, 0x57, 0x40 },
	{ 0x75, 0xee, 0x77, 0x60, 0x10, 0x45, 0xa9, 0x1d, 0xb3, 0x90, 0xde,
	    0xde, 0x1e, 0xcd, 0x3e, 0x65, 0x45, 0x52, 0xed, 0xb9, 0x6c, 0xa3,
	    0x59, 0xa9, 0x10, 0x3e, 0xc2, 0x1e, 0x8f, 0x56, 0x3f, 0x9e },
	{ 0x98, 0xc9, 0x9f, 0xb0, 0xe1, 0x38, 0x96, 0x5f, 0xc4, 0x48, 0x17,
	    0x32, 0x7a, 0x1e, 0x8f, 0x88, 0xb3, 0x62, 0x8c, 0x85, 0x3d, 0x58,
	    0x53, 0x81, 0x03, 0x22, 0xf5, 0x27, 0x9a, 0x47, 0x94, 0x8f },
	{ 0x99, 0x21, 0x7b, 0x1c, 0xb1, 0x15, 0x4f, 0x12, 0xd5, 0x3e, 0xb5,
	    0x5c, 0xfd, 0xff, 0xa4, 0x79, 0xb5, 0x54, 0xfb, 0x68, 0x1a, 0x52,
	    0xcd, 0xea, 0x75, 0xdc, 0x39, 0xc8, 0xa0, 0xdc, 0x3e, 0x89 },
	{ 0x98, 0x4c, 0x46, 0x8c, 0x03, 0x6b, 0x3b, 0x4b, 0xeb, 0xad, 0xb7,
	    0x0f, 0x3a, 0x9f, 0x29, 0x74, 0x85, 0x5e, 0x59, 0x1e, 0xb3, 0x98,
	    0xa6, 0xd8, 0x68, 0x95, 0x73, 0xc2, 0xfb, 0x2e, 0x7e, 0xed },
};

/* The hash block of a level that is being filled. */
struct level {
	unsigned n; /* hashes in it, below VERITY_FANOUT between two calls */
	unsigned char hash[VERITY_BLOCK];
};

struct verity {
	uint64_t bytes; /* that came so far */
	size_t fill; /* bytes in `block` */
	struct level level[VERITY_LEVELS];
	unsigned char block[VERITY_BLOCK];
};

/* Appends a hash to level `k`; a block that is full goes one level up. */
static void
push(struct verity *v, unsigned k, const unsigned char *one)
{
	unsigned char up[DIGEST_BYTES];
	struct level *l;

	memcpy(up, one, DIGEST_BYTES);
	for (;; k++) {
		l = &v->level[k];
		memcpy(l->hash + l->n * DIGEST_BYTES, up, DIGEST_BYTES);
		l->n++;
		if (l->n < VERITY_FANOUT)
			return;
		l->n = 0;
		sha256_of(up, l->hash, VERITY_BLOCK);
	}
}

static void
push_block(struct verity *v, const unsigned char *block)
{
	unsigned char one[DIGEST_BYTES];

	if (extent_is_zero(block, VERITY_BLOCK)) {
		push(v, 0, zero_hash[0]);
		return;
	}
	sha256_of(one, block, VERITY_BLOCK);
	push(v, 0, one);
}

/* The largest aligned runs that fit, so `n` may be anything. */
static void
push_zero_blocks(struct verity *v, uint64_t n)
{
	uint64_t span;
	unsigned k;

	while (n > 0) {
		span = 1;
		k = 0;
		while (k + 2 < VERITY_LEVELS && v->level[k].n == 0 &&
		    n / VERITY_FANOUT >= span) {
			span *= VERITY_FANOUT;
			k++;
		}
		push(v, k, zero_hash[k]);
		n -= span;
	}
}

static int
count_bytes(struct verity *v, uint64_t len, struct error *err)
{
	if (ckd_add(&v->bytes, v->bytes, len))
		return error_set(err, EX_DATAERR, "more than 2^64 bytes");
	return 0;
}

int
verity_new(struct verity **out, struct error *err)
{
	struct verity *v;

	v = malloc(sizeof(*v));
	if (v == NULL)
		return error_sys(err, EX_OSERR, "digest");
	verity_reset(v);
	*out = v;
	return 0;
}

void
verity_free(struct verity *v)
{
	free(v);
}

void
verity_reset(struct verity *v)
{
	unsigned k;

	v->bytes = 0;
	v->fill = 0;
	for (k = 0; k < VERITY_LEVELS; k++)
		v->level[k].n = 0;
}

int
verity_data(struct verity *v, const void *buf, size_t len, struct error *err)
{
	const unsigned char *p = buf;
	size_t n;

	if (count_bytes(v, len, err) == -1)
		return -1;
	while (len > 0) {
		n = VERITY_BLOCK - v->fill;
		if (n > len)
			n = len;
		if (n == VERITY_BLOCK) {
			push_block(v, p);
		} else {
			memcpy(v->block + v->fill, p, n);
			v->fill += n;
		}
		if (v->fill == VERITY_BLOCK) {
			v->fill = 0;
			push_block(v, v->block);
		}
		p += n;
		len -= n;
	}
	return 0;
}

int
verity_zeros(struct verity *v, uint64_t len, struct error *err)
{
	size_t n;

	if (count_bytes(v, len, err) == -1)
		return -1;
	if (v->fill > 0) {
		n = VERITY_BLOCK - v->fill;
		if (n > len)
			n = (size_t)len;
		memset(v->block + v->fill, 0, n);
		v->fill += n;
		len -= n;
		if (v->fill < VERITY_BLOCK)
			return 0;
		v->fill = 0;
		push_block(v, v->block);
	}
	push_zero_blocks(v, len / VERITY_BLOCK);
	v->fill = (size_t)(len % VERITY_BLOCK);
	memset(v->block, 0, v->fill);
	return 0;
}

size_t
verity_groups(struct digest *out, size_t max, const struct verity *v)
{
	const struct level *l = &v->level[1];
	size_t i;

	for (i = 0; i < l->n && i < max; i++)
		memcpy(out[i].raw, l->hash + i * DIGEST_BYTES, DIGEST_BYTES);
	return i;
}

int
verity_add_groups(struct verity *v, const struct digest *groups, size_t n,
    struct error *err)
{
	size_t i;

	if (count_bytes(v, n * VERITY_GROUP, err) == -1)
		return -1;
	for (i = 0; i < n; i++)
		push(v, 1, groups[i].raw);
	return 0;
}

int
verity_add_last(struct verity *v, const struct digest *group, uint64_t len,
    struct error *err)
{
	if (count_bytes(v, len, err) == -1)
		return -1;
	push(v, v->bytes > VERITY_BLOCK ? 1 : 0, group->raw);
	return 0;
}

void
verity_zero_hash(struct digest *out)
{
	memcpy(out->raw, zero_hash[0], DIGEST_BYTES);
}

/* Closes the levels that are begun, from below, until one hash is left. */
static void
make_root(struct verity *v, unsigned char *root)
{
	unsigned char up[DIGEST_BYTES];
	struct level *l;
	uint64_t count;
	size_t used;
	unsigned k;

	count = v->bytes / VERITY_BLOCK + (v->bytes % VERITY_BLOCK != 0);
	for (k = 0; count > 1; k++) {
		l = &v->level[k];
		count = count / VERITY_FANOUT + (count % VERITY_FANOUT != 0);
		if (l->n == 0)
			continue;
		used = l->n * DIGEST_BYTES;
		memset(l->hash + used, 0, VERITY_BLOCK - used);
		l->n = 0;
		sha256_of(up, l->hash, VERITY_BLOCK);
		push(v, k + 1, up);
	}
	if (count == 1)
		memcpy(root, v->level[k].hash, DIGEST_BYTES);
	else
		memset(root, 0, DIGEST_BYTES);
}

/* Kernel include/linux/fsverity.h, struct fsverity_descriptor. */
void
verity_final(struct verity *v, struct digest *out)
{
	unsigned char desc[256] = { 1, 1, 12 };

	if (v->fill > 0) {
		memset(v->block + v->fill, 0, VERITY_BLOCK - v->fill);
		v->fill = 0;
		push_block(v, v->block);
	}
	le64_put(desc + 8, v->bytes);
	make_root(v, desc + 16);
	sha256_of(out->raw, desc, sizeof(desc));
}
