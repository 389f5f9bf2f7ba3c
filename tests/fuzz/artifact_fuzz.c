/* SPDX-License-Identifier: ISC */
/* A manifest. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "registry/artifact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct artifact a = { 0 }, back = { 0 };
	struct error err = { 0 };
	char *text;
	size_t len;

	if (artifact_decode(&a, (const char *)data, size, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return 0;
	}
	assert(artifact_encode(&text, &len, &a, "", &err) == 0);
	assert(artifact_decode(&back, text, len, &err) == 0);
	assert(back.parts_n == a.parts_n);
	free(text);
	artifact_fini(&a);
	artifact_fini(&back);
	return 0;
}
