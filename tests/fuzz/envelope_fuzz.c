/* SPDX-License-Identifier: ISC */
/*
 * What is taken is written, and what is written is taken again, the same; and so is
 * what of it is signed.
 */
#include "snapshot/signed_part.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_signed(const struct envelope *a, const struct envelope *b)
{
	unsigned char of_a[SHA256_BYTES], of_b[SHA256_BYTES];
	bool has = signed_part_hash(of_a, a);

	assert(has == signed_part_hash(of_b, b));
	assert(!has || memcmp(of_a, of_b, sizeof(of_a)) == 0);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct envelope e, again;
	struct error err;
	char *text, *text_again;
	size_t n, n_again;

	if (envelope_decode(&e, (const char *)data, len, &err) == -1)
		return 0;
	if (envelope_encode(&text, &n, &e, &err) == -1)
		abort();
	if (n <= ENVELOPE_BYTES_MAX) {
		if (envelope_decode(&again, text, n, &err) == -1 ||
		    envelope_encode(&text_again, &n_again, &again, &err) == -1)
			abort();
		assert(n == n_again && memcmp(text, text_again, n) == 0);
		check_signed(&e, &again);
		free(text_again);
		envelope_fini(&again);
	}
	free(text);
	envelope_fini(&e);
	return 0;
}
