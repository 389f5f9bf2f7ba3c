/* SPDX-License-Identifier: ISC */
/*
 * All that an import does with an archive: the reader, the files, the checks, a
 * snapshot in a root.  It ends in one that is what its envelope says, or
 * in nothing at all.
 */
#include <sys/mman.h>

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/unpack.h"
#include "archive/unpack_check.h"
#include "vmm/intake.h"

#include "root_bed.h"

#define BLOCK 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
    unsigned seed);

/* A header's checksum, without which nobody reads any further. */
static void
repair(uint8_t *block)
{
	unsigned sum = 0, i;

	memset(block + 148, ' ', 8);
	for (i = 0; i < BLOCK; i++)
		sum += block[i];
	/* Six digits, a NUL and the blank that stands there. */
	snprintf((char *)block + 148, 7, "%06o", sum & 0777777);
}

/* Changes one block, or repeats it, or anything. */
static size_t
change(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size_t blocks = size / BLOCK, at;
	uint8_t *block;
	size_t len;

	if (blocks == 0 || seed % 4 == 0)
		return LLVMFuzzerMutate(data, size, max);
	at = (seed / 16) % blocks * BLOCK;
	block = data + at;
	if (seed % 4 == 1 && size + BLOCK <= max) {
		memmove(block + BLOCK, block, size - at);
		return size + BLOCK;
	}
	if (seed % 16 == 2 && blocks > 1) {
		memmove(block, block + BLOCK, size - at - BLOCK);
		return size - BLOCK;
	}
	len = LLVMFuzzerMutate(block, BLOCK, BLOCK);
	memset(block + len, 0, BLOCK - len);
	return size;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size_t at;

	size = change(data, size, max, seed);
	if (seed % 32 == 31)
		return size;
	for (at = 0; at + BLOCK <= size; at += BLOCK)
		if (memcmp(data + at + 257, "ustar", 5) == 0)
			repair(data + at);
	return size;
}

static int
import(struct intake *in, const char *root, int fd,
    const struct intake_how *how, struct error *err)
{
	struct unpack_check check = { .need_digests = false };
	const struct timespec now = { 0 };
	struct unpack u = { 0 };
	int rc = -1;

	if (intake_begin(in, root, how, err) == -1)
		return -1;
	if (unpack_archive(&u, fd, in->made.dirfd, NULL, NULL, err) == 0 &&
	    unpack_check(&in->envelope, &check, &u, err) == 0)
		rc = intake_publish(in, how, &now, err) == 0
		    ? 0
		    : unpack_locate(&u, err);
	unpack_fini(&u);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct intake_how how = { 0 };
	struct error err = { 0 };
	struct intake in = { 0 };
	char root[BED_DIR_CAP];
	int fd, rc;

	bed_make(root);
	fd = memfd_create("archive", MFD_CLOEXEC);
	assert(fd != -1 && write(fd, data, size) == (ssize_t)size);
	assert(lseek(fd, 0, SEEK_SET) == 0);
	envelope_init(&in.envelope);
	rc = import(&in, root, fd, &how, &err);
	bed_end(&in, rc, &err, root, &how);
	close(fd);
	bed_remove(root);
	return 0;
}
