/* SPDX-License-Identifier: ISC */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha256.h"

#include <assert.h>

/* libcrypto's functions return an int that has been 1 ever since. */
void
sha256_init(struct sha256 *s)
{
	int ok = SHA256_Init(&s->ctx);

	assert(ok == 1);
}

void
sha256_data(struct sha256 *s, const void *buf, size_t len)
{
	int ok = SHA256_Update(&s->ctx, buf, len);

	assert(ok == 1);
}

void
sha256_final(unsigned char out[SHA256_BYTES], struct sha256 *s)
{
	int ok = SHA256_Final(out, &s->ctx);

	assert(ok == 1);
}

void
sha256_of(unsigned char out[SHA256_BYTES], const void *buf, size_t len)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_data(&s, buf, len);
	sha256_final(out, &s);
}
