/* SPDX-License-Identifier: ISC */
/* The bytes of memfile.header: decoded, encoded, and decoded to the same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "foreign/memmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memmap map = { 0 }, back = { 0 };
	struct error err = { 0 };
	unsigned char *raw;
	uint64_t end = 0;
	size_t len, i;

	if (memmap_decode(&map, data, size, &err) == -1) {
		assert(err.code == EX_DATAERR);
		return 0;
	}
	for (i = 0; i < map.n; i++) {
		assert(map.v[i].off == end && map.v[i].len > 0);
		assert(map.v[i].build < (int)map.builds_n);
		end += map.v[i].len;
	}
	assert(end == map.size_bytes);
	assert(memmap_encode(&raw, &len, &map, &err) == 0);
	assert(len <= size || size == MEMMAP_HEAD_BYTES);
	assert(memmap_decode(&back, raw, len, &err) == 0);
	assert(back.n == map.n && back.size_bytes == map.size_bytes);
	free(raw);
	memmap_fini(&back);
	memmap_fini(&map);
	return 0;
}
