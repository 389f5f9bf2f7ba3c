/* SPDX-License-Identifier: ISC */
/* A whole MIRN file; the first MiB of its image is enough. */
#include <sys/mman.h>

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "foreign/mirn.h"

#define IMAGE_BYTES 1048576

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded encodes, and decodes to the same. */
static void
check_head(const struct mirn_head *head)
{
	struct mirn_head back = { 0 };
	struct error err = { 0 };
	unsigned char *raw;
	size_t len, json_len;

	assert(mirn_head_encode(&raw, &len, head, &err) == 0);
	if (len - MIRN_FIXED_BYTES <= MIRN_JSON_MAX) {
		assert(mirn_fixed_decode(&json_len, raw, &err) == 0);
		assert(json_len == len - MIRN_FIXED_BYTES);
		assert(mirn_head_decode(&back, (char *)raw + MIRN_FIXED_BYTES,
			   json_len, &err) == 0);
		assert(strcmp(head->name, back.name) == 0);
		assert(strcmp(head->filesystem, back.filesystem) == 0);
		assert(strcmp(head->timestamp, back.timestamp) == 0);
		assert(strcmp(head->checksum, back.checksum) == 0);
		assert(head->size_bytes == back.size_bytes);
	}
	mirn_head_fini(&back);
	free(raw);
}

static void
read_image(struct mirn_reader *reader)
{
	uint64_t done = 0;
	unsigned char *buf = malloc(65536);
	struct error err = { 0 };
	size_t got = 1;

	assert(buf != NULL);
	while (got > 0 && done < IMAGE_BYTES) {
		if (mirn_reader_next(reader, buf, 65536, &got, &err) == -1) {
			assert(err.code == EX_DATAERR);
			break;
		}
		done += got;
		assert(done <= mirn_reader_head(reader)->size_bytes);
	}
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mirn_reader *reader;
	struct error err = { 0 };
	int fd;

	fd = memfd_create("mirn", MFD_CLOEXEC);
	assert(fd != -1);
	assert(fd_write(fd, data, size, "mirn", &err) == 0);
	assert(lseek(fd, 0, SEEK_SET) == 0);
	if (mirn_reader_new(&reader, fd, "mirn", &err) == 0) {
		check_head(mirn_reader_head(reader));
		read_image(reader);
		mirn_reader_free(reader);
	} else {
		assert(err.code == EX_DATAERR);
	}
	fd_drop(&fd);
	return 0;
}
