/* SPDX-License-Identifier: ISC */
/* A leaf, of as many pages as the first byte says. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "registry/leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct part parts[] = {
		{ .kind = PART_TREE, .blob = { .bytes = 100000 } },
		{ .kind = PART_PACK, .blob = { .bytes = 100000 } },
	};
	static const struct part_list list = { parts, 2 };
	unsigned char raw[LEAF_BYTES_MAX];
	struct leaf leaf, back;
	struct error err = { 0 };
	unsigned pages;
	size_t len;

	if (size == 0)
		return 0;
	pages = data[0] % LEAF_PAGES + 1u;
	if (leaf_decode(&leaf, data + 1, size - 1, pages, &list, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return 0;
	}
	/* Two frames that are the same are written as one. */
	len = leaf_encode(raw, &leaf);
	assert(len <= size - 1);
	assert(leaf_decode(&back, raw, len, pages, &list, &err) == 0);
	assert(memcmp(leaf.place, back.place, sizeof(leaf.place)) == 0);
	assert(memcmp(leaf.hash, back.hash, sizeof(leaf.hash)) == 0);
	return 0;
}
