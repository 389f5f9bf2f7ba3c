/* SPDX-License-Identifier: ISC */
/* A CoW file over a base of 1 MiB. */
#include <sys/mman.h>

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"
#include "foreign/cow.h"

#define BASE_BYTES UINT64_C(1048576)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cow_map map = { 0 };
	struct error err = { 0 };
	size_t i, n;
	int fd;

	fd = memfd_create("cow", MFD_CLOEXEC);
	assert(fd != -1);
	assert(fd_write(fd, data, size, "cow", &err) == 0);
	if (cow_read(&map, fd, size, BASE_BYTES, "cow", &err) == 0) {
		for (i = 0; i < map.n; i += n) {
			n = cow_map_run(&map, i);
			assert(
			    map.v[i].old_chunk * map.chunk_bytes < BASE_BYTES);
			assert((map.v[i + n - 1].new_chunk + 1) *
				map.chunk_bytes <=
			    size);
		}
	} else {
		assert(err.code == EX_DATAERR);
	}
	cow_map_fini(&map);
	fd_drop(&fd);
	return 0;
}
