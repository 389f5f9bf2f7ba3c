/* SPDX-License-Identifier: ISC */
/*
 * Passwords as a guest's shadow(5) has them: SHA-512 of crypt(5), which every
 * libc and every cloud-init knows.  Who uses this links libcrypt.
 */
#ifndef SEED_PASSWORD_H
#define SEED_PASSWORD_H

#include "base/error.h"

#define PASSWORD_MAX 511 /* bytes, CRYPT_MAX_PASSPHRASE_SIZE less the NUL */
#define PASSWORD_SALT_MAX 16 /* characters that SHA-512 looks at */
#define PASSWORD_HASH_MAX 384 /* bytes with the NUL, CRYPT_OUTPUT_SIZE */

/* A salt of 96 random bits in out[PASSWORD_SALT_MAX + 1].  EX_OSERR. */
int password_new_salt(char *out, struct error *err);

/* A salt that depends on the two texts alone, as good as they are unique. */
void password_derive_salt(char *out, const char *text, const char *more);

/*
 * Hashes `text`, 1 to PASSWORD_MAX bytes without control characters, into
 * out[PASSWORD_HASH_MAX].  EX_USAGE: the text, or the salt, 1 to
 * PASSWORD_SALT_MAX of A-Z, a-z, 0-9, . and /.  No message has the text.
 */
int password_hash(char *out, const char *text, const char *salt,
    struct error *err);

#endif
