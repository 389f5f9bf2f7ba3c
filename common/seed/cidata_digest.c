/* SPDX-License-Identifier: ISC */
#include "base/hex.h"
#include "base/le.h"
#include "base/sha256.h"
#include "seed/cidata_impl.h"

void
cidata_digest(char *out, const struct cidata_text *pieces, size_t n)
{
	unsigned char raw[SHA256_BYTES], len[8];
	struct sha256 sha;
	size_t i;

	sha256_init(&sha);
	for (i = 0; i < n; i++) {
		le64_put(len, pieces[i].len);
		sha256_data(&sha, len, sizeof(len));
		sha256_data(&sha, pieces[i].text, pieces[i].len);
	}
	sha256_final(raw, &sha);
	hex_put(out, raw, CIDATA_DIGEST_HEX / 2);
}
