/* SPDX-License-Identifier: ISC */
#include "disk/hash.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_ZEROS 16384 /* stay in the first cache */

static const unsigned char zeros[HASH_ZEROS];

struct hash {
	EVP_MD_CTX *ctx;
};

int
hash_new(struct hash **out, struct error *err)
{
	struct hash *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return error_sys(err, EX_OSERR, "SHA-256");
	h->ctx = EVP_MD_CTX_new();
	if (h->ctx == NULL ||
	    EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1) {
		hash_free(h);
		return error_set(err, EX_OSERR, "SHA-256: not to be had");
	}
	*out = h;
	return 0;
}

void
hash_free(struct hash *hash)
{
	if (hash == NULL)
		return;
	EVP_MD_CTX_free(hash->ctx);
	free(hash);
}

int
hash_data(struct hash *hash, const void *buf, size_t len, struct error *err)
{
	if (EVP_DigestUpdate(hash->ctx, buf, len) != 1)
		return error_set(err, EX_SOFTWARE, "SHA-256: refuses");
	return 0;
}

int
hash_zeros(struct hash *hash, uint64_t len, struct error *err)
{
	size_t part;

	while (len > 0) {
		part = len < HASH_ZEROS ? (size_t)len : HASH_ZEROS;
		if (hash_data(hash, zeros, part, err) == -1)
			return -1;
		len -= part;
	}
	return 0;
}

int
hash_take(const struct relay_piece *piece, void *arg, struct error *err)
{
	if (piece->data == NULL)
		return hash_zeros(arg, piece->len, err);
	return hash_data(arg, piece->data, (size_t)piece->len, err);
}

int
hash_final(char out[HASH_TEXT_LEN + 1], struct hash *hash, struct error *err)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned len, i;

	if (EVP_DigestFinal_ex(hash->ctx, raw, &len) != 1 ||
	    len * 2 != HASH_TEXT_LEN)
		return error_set(err, EX_SOFTWARE, "SHA-256: refuses");
	for (i = 0; i < len; i++)
		sprintf(out + (size_t)i * 2, "%02x", raw[i]);
	return 0;
}
