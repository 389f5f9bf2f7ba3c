/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "disk/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct qcow2_head h;
	int fd;

	fd = memfd_create("qcow2", MFD_CLOEXEC);
	assert(fd != -1);
	assert(write(fd, data, len) == (ssize_t)len);
	if (qcow2_read_head(&h, fd, len, "qcow2", NULL) == 0) {
		assert(h.size_bytes <= QCOW2_SIZE_MAX);
		assert(strlen(h.backing) <= QCOW2_BACKING_MAX);
		assert(strlen(h.backing_format) < sizeof(h.backing_format));
		assert(h.has_data_file ==
		    (qcow2_check(fd, len, h.size_bytes, h.backing,
			 h.backing_format, "qcow2", NULL) == -1));
	}
	close(fd);
	return 0;
}
