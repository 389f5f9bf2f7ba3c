/* SPDX-License-Identifier: ISC */
/* An index of an artifact with a tree and a pack. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/page_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct part parts[] = {
		{ .kind = PART_TREE, .blob = { .bytes = 100000 } },
		{ .kind = PART_PACK, .blob = { .bytes = 100000 } },
	};
	static const struct part_list list = { parts, 2 };
	struct page_index x = { 0 };
	struct error err = { 0 };
	struct digest digest;
	unsigned char *raw;
	size_t len, i;

	if (page_index_decode(&x, data, size, &list, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return 0;
	}
	for (i = 0; i < x.files_n; i++)
		assert(page_index_digest(&digest, &x, &x.files[i], &err) == 0);
	/* There is one way to write what was read. */
	assert(page_index_encode(&raw, &len, &x, &err) == 0);
	assert(len == size && memcmp(raw, data, len) == 0);
	free(raw);
	page_index_fini(&x);
	return 0;
}
