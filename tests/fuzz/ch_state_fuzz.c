/* SPDX-License-Identifier: ISC */
#include "vmm/ch/ch_state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct ch_state s;
	struct error err;
	char *text;
	size_t n;

	if (ch_state_decode(&s, NULL, (const char *)data, len, &err) == -1)
		return 0;
	if (ch_state_without_memory(&text, &n, (const char *)data, len, &err) ==
	    -1)
		abort();
	if (ch_state_decode(&s, NULL, text, n, &err) == -1 ||
	    s.saved_bytes != 0)
		abort();
	free(text);
	return 0;
}
