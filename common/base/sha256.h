/* SPDX-License-Identifier: ISC */
/*
 * SHA-256 by libcrypto's plain functions.  OpenSSL 3 calls them deprecated, but
 * its EVP wants 0.8 ms for its tables and settings before the first byte, a
 * quarter of what vm-clone may take; and these few come out of libcrypto.a
 * without the rest of the library, whose loading costs another 0.6 ms.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

#include <openssl/sha.h>

#define SHA256_BYTES SHA256_DIGEST_LENGTH

/* One digest in the making; nothing needs to be freed. */
struct sha256 {
	SHA256_CTX ctx;
};

/* An init at any time begins anew; after a final only an init may follow. */
void sha256_init(struct sha256 *s);
void sha256_data(struct sha256 *s, const void *buf, size_t len);
void sha256_final(unsigned char out[SHA256_BYTES], struct sha256 *s);

/* All three for one buffer. */
void sha256_of(unsigned char out[SHA256_BYTES], const void *buf, size_t len);

#endif
