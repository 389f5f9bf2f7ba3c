/* SPDX-License-Identifier: ISC */
/*
 * A directory that a VMM wrote: a byte that says which, two lengths of two
 * bytes, then Cloud Hypervisor's config.json and state.json, or Firecracker's
 * vmstate and storage configs; what is left is a sidecar.  Beside them lie a
 * memory and disks without data.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "vmm/intake.h"

#include "root_bed.h"

#define HEAD 5
#define BYTES (16u << 20) /* of the memory, and of each disk */
#define CONFIGS "configs" /* outside the directory */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put(int dirfd, const char *name, const uint8_t *data, size_t len, off_t size)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);

	assert(fd != -1 && fd_write(fd, data, len, name, NULL) == 0);
	if (size > 0)
		assert(ftruncate(fd, size) == 0);
	fd_drop(&fd);
}

static void
fill(int dirfd, int outfd, const uint8_t *data, size_t size)
{
	static const char *const disks[] = { "cow.raw", "data-data1.raw",
		"layer0.raw", "ticker.elf" };
	const uint8_t *at = data + HEAD;
	size_t left = size - HEAD, one = le16(data + 1), two = le16(data + 3);
	bool is_fc = data[0] % 2 != 0;
	size_t i;

	one = one < left ? one : left;
	two = two < left - one ? two : left - one;
	put(dirfd, is_fc ? "vmstate" : "config.json", at, one, 0);
	put(is_fc ? outfd : dirfd, is_fc ? CONFIGS : "state.json", at + one,
	    two, 0);
	if (one + two < left)
		put(dirfd, SIDECAR_NAME, at + one + two, left - one - two, 0);
	put(dirfd, is_fc ? "mem" : "memory-ranges", at, 0, BYTES);
	for (i = 0; i < sizeof(disks) / sizeof(disks[0]); i++)
		put(dirfd, disks[i], at, 0, BYTES);
}

static int
take(struct intake *in, const char *root, int dirfd,
    const struct intake_how *how, struct error *err)
{
	const struct timespec now = { 0 };

	if (intake_begin(in, root, how, err) == -1 ||
	    vmm_import(in, dirfd, how, err) == -1)
		return -1;
	return intake_publish(in, how, &now, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intake_how how = { 0 };
	char root[BED_DIR_CAP], out[BED_DIR_CAP], configs[128], dir[128];
	struct error err = { 0 };
	struct intake in = { 0 };
	int dirfd, outfd, rc;

	if (size < HEAD)
		return 0;
	bed_make(root);
	bed_make(out);
	snprintf(dir, sizeof(dir), "%s/dir", out);
	snprintf(configs, sizeof(configs), "%s/" CONFIGS, out);
	assert(mkdir(dir, 0700) == 0);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	outfd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(dirfd != -1 && outfd != -1);
	fill(dirfd, outfd, data, size);
	how.configs = data[0] % 4 == 1 ? configs : NULL;
	envelope_init(&in.envelope);
	assert(vmm_can_import(dirfd, &how));
	rc = take(&in, root, dirfd, &how, &err);
	bed_end(&in, rc, &err, root, &how);
	fd_drop(&dirfd);
	fd_drop(&outfd);
	bed_remove(out);
	bed_remove(root);
	return 0;
}
