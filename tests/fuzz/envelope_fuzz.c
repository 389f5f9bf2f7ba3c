/* SPDX-License-Identifier: ISC */
/* What is taken is written, and what is written is taken again, the same. */
#include "snapshot/envelope.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

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
		free(text_again);
		envelope_fini(&again);
	}
	free(text);
	envelope_fini(&e);
	return 0;
}
