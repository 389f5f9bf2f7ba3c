/* SPDX-License-Identifier: ISC */
#include "archive/tar_sparse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

/* What a map says must be what was added: in order, apart, within the size. */
static void
check(const struct sparse_map *map, uint64_t size)
{
	uint64_t off, len, end = 0, sum = 0, runs = 0;
	struct sparse_iter it;

	sparse_iter_init(&it, map);
	while (sparse_iter_next(&it, &off, &len)) {
		if (off < end || len == 0 || off > size || len > size - off)
			abort();
		end = off + len;
		sum += len;
		runs++;
	}
	if (sum != map->data_bytes || runs != map->runs || end != map->end)
		abort();
}

static void
old(const unsigned char *data, size_t len)
{
	struct sparse_map map = { 0 };
	struct error err;
	uint64_t size;
	bool more;
	int rc;

	if (len < TAR_BLOCK)
		return;
	rc = sparse_old_head(&map, &size, &more, data, &err);
	len -= TAR_BLOCK;
	while (rc == 0 && more && len >= TAR_BLOCK) {
		data += TAR_BLOCK;
		rc = sparse_old_block(&map, size, &more, data, &err);
		len -= TAR_BLOCK;
	}
	if (rc == 0)
		check(&map, size);
	sparse_map_fini(&map);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	unsigned char block[TAR_BLOCK];
	struct sparse_map map = { 0 };
	struct sparse_text text;
	struct error err;
	size_t n;
	int rc = 0;

	if (len > 0 && data[0] == 'S') {
		old(data + 1, len - 1);
		return 0;
	}
	sparse_text_init(&text, UINT64_C(1) << 30);
	for (; rc == 0 && !text.is_done && len > 0; data += n, len -= n) {
		n = len < TAR_BLOCK ? len : TAR_BLOCK;
		memset(block, 0, sizeof(block));
		memcpy(block, data, n);
		rc = sparse_text_block(&text, &map, block, &err);
	}
	if (rc == 0)
		check(&map, UINT64_C(1) << 30);
	sparse_map_fini(&map);
	return 0;
}
