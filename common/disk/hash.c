/* SPDX-License-Identifier: ISC */
#include "disk/hash.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/sha256.h"

#define HASH_ZEROS 16384 /* stay in the first cache */

static const unsigned char zeros[HASH_ZEROS];

struct hash {
	struct sha256 sha;
};

int
hash_new(struct hash **out, struct error *err)
{
	struct hash *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return error_sys(err, EX_OSERR, "SHA-256");
	sha256_init(&h->sha);
	*out = h;
	return 0;
}

void
hash_free(struct hash *hash)
{
	free(hash);
}

void
hash_data(struct hash *hash, const void *buf, size_t len)
{
	sha256_data(&hash->sha, buf, len);
}

static void
take_zeros(struct hash *hash, uint64_t len)
{
	size_t part;

	while (len > 0) {
		part = len < HASH_ZEROS ? (size_t)len : HASH_ZEROS;
		hash_data(hash, zeros, part);
		len -= part;
	}
}

int
hash_take(const struct relay_piece *piece, void *arg, struct error *err)
{
	(void)err;
	if (piece->data == NULL)
		take_zeros(arg, piece->len);
	else
		hash_data(arg, piece->data, (size_t)piece->len);
	return 0;
}

void
hash_final(char out[HASH_TEXT_LEN + 1], struct hash *hash)
{
	unsigned char raw[SHA256_BYTES];

	sha256_final(raw, &hash->sha);
	hex_put(out, raw, sizeof(raw));
}
