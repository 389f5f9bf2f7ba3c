/* SPDX-License-Identifier: ISC */
/* An image of any bytes, and one whose head leads to them. */
#include <sys/mman.h>

#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "foreign/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
unpack(int from, uint64_t size)
{
	int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct error err = { 0 };
	enum kernel_form form;

	assert(to != -1);
	assert(kernel_form(&form, from, size, "image", &err) == 0);
	if (kernel_unpack(to, from, size, "image", &err) == -1)
		assert(err.code == EX_DATAERR || err.code == EX_OSERR);
	fd_drop(&to);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char head[1024] = { 0 };
	int from = memfd_create("image", MFD_CLOEXEC);

	assert(from != -1);
	assert(fd_pwrite(from, data, size, 0, "image", NULL) == 0);
	unpack(from, size);
	head[0x1f1] = 1;
	le16_put(head + 0x1fe, 0xaa55);
	memcpy(head + 0x202, "HdrS", 4);
	le16_put(head + 0x206, 0x020f);
	le32_put(head + 0x24c, (uint32_t)size);
	assert(fd_pwrite(from, head, sizeof(head), 0, "image", NULL) == 0);
	assert(fd_pwrite(from, data, size, sizeof(head), "image", NULL) == 0);
	unpack(from, sizeof(head) + size);
	fd_drop(&from);
	return 0;
}
