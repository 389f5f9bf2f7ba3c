/* SPDX-License-Identifier: ISC */
#include "disk/digest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/le.h"
#include "base/num.h"
#include "disk/extent.h"
#include "disk/sweep.h"

#define DIGEST_FANOUT (DIGEST_BLOCK / DIGEST_BYTES)
/* 2^64 bytes are 2^52 blocks; each level has a 128th of the one below. */
#define DIGEST_LEVELS 9

/* The hash block of a level that is being filled. */
struct level {
	unsigned n; /* hashes in it, below DIGEST_FANOUT between two calls */
	unsigned char hash[DIGEST_BLOCK];
};

struct digester {
	EVP_MD_CTX *md;
	uint64_t bytes; /* that came so far */
	size_t fill; /* bytes in `block` */
	/* What zeros of 4096 * 128^k bytes contribute at level k. */
	unsigned char zero[DIGEST_LEVELS][DIGEST_BYTES];
	struct level level[DIGEST_LEVELS];
	unsigned char block[DIGEST_BLOCK];
};

/*
 * Digest of `len` bytes.  The context keeps its algorithm: fetching SHA-256
 * anew for every block would cost half of the speed.
 */
static int
hash(struct digester *d, unsigned char *out, const void *buf, size_t len,
    struct error *err)
{
	if (EVP_DigestInit_ex(d->md, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(d->md, buf, len) != 1 ||
	    EVP_DigestFinal_ex(d->md, out, NULL) != 1)
		return error_set(err, EX_SOFTWARE, "libcrypto: SHA-256 fails");
	return 0;
}

/* Appends a hash to level `k`; a block that is full goes one level up. */
static int
push(struct digester *d, unsigned k, const unsigned char *one,
    struct error *err)
{
	unsigned char up[DIGEST_BYTES];
	struct level *l;

	memcpy(up, one, DIGEST_BYTES);
	for (;; k++) {
		l = &d->level[k];
		memcpy(l->hash + l->n * DIGEST_BYTES, up, DIGEST_BYTES);
		l->n++;
		if (l->n < DIGEST_FANOUT)
			return 0;
		l->n = 0;
		if (hash(d, up, l->hash, DIGEST_BLOCK, err) == -1)
			return -1;
	}
}

static int
push_block(struct digester *d, const unsigned char *block, struct error *err)
{
	unsigned char one[DIGEST_BYTES];

	if (extent_is_zero(block, DIGEST_BLOCK))
		return push(d, 0, d->zero[0], err);
	if (hash(d, one, block, DIGEST_BLOCK, err) == -1)
		return -1;
	return push(d, 0, one, err);
}

/* The largest aligned runs that fit, so `n` may be anything. */
static int
push_zero_blocks(struct digester *d, uint64_t n, struct error *err)
{
	uint64_t span;
	unsigned k;

	while (n > 0) {
		span = 1;
		for (k = 0; k + 1 < DIGEST_LEVELS && d->level[k].n == 0 &&
		     n / DIGEST_FANOUT >= span;
		     k++)
			span *= DIGEST_FANOUT;
		if (push(d, k, d->zero[k], err) == -1)
			return -1;
		n -= span;
	}
	return 0;
}

static int
count_bytes(struct digester *d, uint64_t len, struct error *err)
{
	if (ckd_add(&d->bytes, d->bytes, len))
		return error_set(err, EX_DATAERR, "more than 2^64 bytes");
	return 0;
}

/* Fills `zero`: each level's hash is that of 128 of the level below. */
static int
make_zeros(struct digester *d, struct error *err)
{
	unsigned char block[DIGEST_BLOCK] = { 0 };
	unsigned k;
	size_t off;

	for (k = 0; k < DIGEST_LEVELS; k++) {
		if (hash(d, d->zero[k], block, sizeof(block), err) == -1)
			return -1;
		for (off = 0; off < sizeof(block); off += DIGEST_BYTES)
			memcpy(block + off, d->zero[k], DIGEST_BYTES);
	}
	return 0;
}

int
digester_new(struct digester **out, struct error *err)
{
	struct digester *d;

	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return error_sys(err, EX_OSERR, "digest");
	d->md = EVP_MD_CTX_new();
	if (d->md == NULL ||
	    EVP_DigestInit_ex(d->md, EVP_sha256(), NULL) != 1) {
		digester_free(d);
		return error_set(err, EX_OSERR, "libcrypto: no SHA-256");
	}
	if (make_zeros(d, err) == -1) {
		digester_free(d);
		return -1;
	}
	*out = d;
	return 0;
}

void
digester_free(struct digester *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->md);
	free(d);
}

void
digester_reset(struct digester *d)
{
	unsigned k;

	d->bytes = 0;
	d->fill = 0;
	for (k = 0; k < DIGEST_LEVELS; k++)
		d->level[k].n = 0;
}

int
digester_data(struct digester *d, const void *buf, size_t len,
    struct error *err)
{
	const unsigned char *p = buf;
	size_t n;

	if (count_bytes(d, len, err) == -1)
		return -1;
	while (len > 0) {
		n = DIGEST_BLOCK - d->fill;
		if (n > len)
			n = len;
		if (n == DIGEST_BLOCK) {
			if (push_block(d, p, err) == -1)
				return -1;
		} else {
			memcpy(d->block + d->fill, p, n);
			d->fill += n;
		}
		if (d->fill == DIGEST_BLOCK) {
			d->fill = 0;
			if (push_block(d, d->block, err) == -1)
				return -1;
		}
		p += n;
		len -= n;
	}
	return 0;
}

int
digester_zeros(struct digester *d, uint64_t len, struct error *err)
{
	size_t n;

	if (count_bytes(d, len, err) == -1)
		return -1;
	if (d->fill > 0) {
		n = DIGEST_BLOCK - d->fill;
		if (n > len)
			n = (size_t)len;
		memset(d->block + d->fill, 0, n);
		d->fill += n;
		len -= n;
		if (d->fill < DIGEST_BLOCK)
			return 0;
		d->fill = 0;
		if (push_block(d, d->block, err) == -1)
			return -1;
	}
	if (push_zero_blocks(d, len / DIGEST_BLOCK, err) == -1)
		return -1;
	d->fill = (size_t)(len % DIGEST_BLOCK);
	memset(d->block, 0, d->fill);
	return 0;
}

size_t
digester_groups(struct digest *out, size_t max, const struct digester *d)
{
	const struct level *l = &d->level[1];
	size_t i;

	for (i = 0; i < l->n && i < max; i++)
		memcpy(out[i].raw, l->hash + i * DIGEST_BYTES, DIGEST_BYTES);
	return i;
}

int
digester_add_groups(struct digester *d, const struct digest *groups, size_t n,
    struct error *err)
{
	size_t i;

	if (count_bytes(d, n * DIGEST_GROUP, err) == -1)
		return -1;
	for (i = 0; i < n; i++)
		if (push(d, 1, groups[i].raw, err) == -1)
			return -1;
	return 0;
}

/* Closes the levels that are begun, from below, until one hash is left. */
static int
make_root(struct digester *d, unsigned char *root, struct error *err)
{
	unsigned char up[DIGEST_BYTES];
	struct level *l;
	uint64_t count;
	size_t used;
	unsigned k;

	count = d->bytes / DIGEST_BLOCK + (d->bytes % DIGEST_BLOCK != 0);
	for (k = 0; count > 1; k++) {
		l = &d->level[k];
		count = count / DIGEST_FANOUT + (count % DIGEST_FANOUT != 0);
		if (l->n == 0)
			continue;
		used = l->n * DIGEST_BYTES;
		memset(l->hash + used, 0, DIGEST_BLOCK - used);
		l->n = 0;
		if (hash(d, up, l->hash, DIGEST_BLOCK, err) == -1 ||
		    push(d, k + 1, up, err) == -1)
			return -1;
	}
	if (count == 1)
		memcpy(root, d->level[k].hash, DIGEST_BYTES);
	else
		memset(root, 0, DIGEST_BYTES);
	return 0;
}

/* Kernel include/linux/fsverity.h, struct fsverity_descriptor. */
int
digester_final(struct digester *d, struct digest *out, struct error *err)
{
	unsigned char desc[256] = { 1, 1, 12 };

	if (d->fill > 0) {
		memset(d->block + d->fill, 0, DIGEST_BLOCK - d->fill);
		d->fill = 0;
		if (push_block(d, d->block, err) == -1)
			return -1;
	}
	le64_put(desc + 8, d->bytes);
	if (make_root(d, desc + 16, err) == -1)
		return -1;
	return hash(d, out->raw, desc, sizeof(desc), err);
}

int
digest_file(struct digest *out, int fd, uint64_t size, const char *what,
    struct error *err)
{
	return sweep_file(out, fd, size, 0, what, err);
}
