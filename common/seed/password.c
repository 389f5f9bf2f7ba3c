/* SPDX-License-Identifier: ISC */
#include "seed/password.h"

#include <sys/random.h>

#include <crypt.h>
#include <stdio.h>
#include <string.h>

#include "base/sha256.h"

/* crypt(5), the alphabet of salts. */
static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz";

/* One character of six bits from each byte. */
static void
spell_salt(char *out, const unsigned char *raw)
{
	size_t i;

	for (i = 0; i < PASSWORD_SALT_MAX; i++)
		out[i] = alphabet[raw[i] & 0x3f];
	out[PASSWORD_SALT_MAX] = '\0';
}

int
password_new_salt(char *out, struct error *err)
{
	unsigned char raw[PASSWORD_SALT_MAX];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return error_sys(err, EX_OSERR, "random numbers");
	spell_salt(out, raw);
	return 0;
}

void
password_derive_salt(char *out, const char *text, const char *more)
{
	unsigned char raw[SHA256_BYTES];
	struct sha256 sha;

	/* The NUL keeps the two apart. */
	sha256_init(&sha);
	sha256_data(&sha, text, strlen(text) + 1);
	sha256_data(&sha, more, strlen(more) + 1);
	sha256_final(raw, &sha);
	spell_salt(out, raw);
}

static int
check_text(const char *text, struct error *err)
{
	const char *p;

	if (text[0] == '\0')
		return error_set(err, EX_USAGE, "the password is empty");
	if (strlen(text) > PASSWORD_MAX)
		return error_set(err, EX_USAGE,
		    "the password is longer than %d bytes", PASSWORD_MAX);
	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return error_set(err, EX_USAGE,
			    "the password holds a control character");
	return 0;
}

int
password_hash(char *out, const char *text, const char *salt, struct error *err)
{
	char setting[PASSWORD_SALT_MAX + sizeof("$6$")];
	struct crypt_data work = { 0 };
	size_t len = strlen(salt);
	const char *hash;
	int rc = -1;

	if (check_text(text, err) == -1)
		return -1;
	if (len == 0 || len > PASSWORD_SALT_MAX ||
	    strspn(salt, alphabet) != len)
		return error_set(err, EX_USAGE,
		    "salt \"%s\" is not 1 to %d of A-Z, a-z, 0-9, . and /",
		    salt, PASSWORD_SALT_MAX);
	snprintf(setting, sizeof(setting), "$6$%s", salt);
	/* Not crypt_r(): AddressSanitizer has its own, which needs the other. */
	hash = crypt_rn(text, setting, &work, (int)sizeof(work));
	if (hash == NULL || strlen(hash) >= PASSWORD_HASH_MAX)
		error_set(err, EX_UNAVAILABLE, "libcrypt knows no SHA-512");
	else {
		memcpy(out, hash, strlen(hash) + 1);
		rc = 0;
	}
	explicit_bzero(&work, sizeof(work));
	return rc;
}
