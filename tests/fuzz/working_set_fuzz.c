/* SPDX-License-Identifier: ISC */
/* What a snapshot says that a clone touches first. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/working_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct working_set w = { 0 }, again = { 0 };
	struct error err = { 0 };
	uint64_t pages;
	size_t i, len;
	char *text;

	if (working_set_decode(&w, (const char *)data, size, &err) == -1) {
		assert(err.code == EX_DATAERR);
		assert(w.v == NULL);
		return 0;
	}
	pages = w.memory_bytes / WORKING_SET_PAGE;
	for (i = 0; i < w.n; i++)
		assert(w.v[i].n > 0 && w.v[i].first < pages &&
		    w.v[i].n <= pages - w.v[i].first);
	assert(working_set_bytes(&w) <= w.memory_bytes);
	assert(working_set_encode(&text, &len, &w, &err) == 0);
	assert(working_set_decode(&again, text, len, &err) == 0);
	assert(again.n == w.n);
	working_set_fini(&again);
	free(text);
	working_set_fini(&w);
	return 0;
}
