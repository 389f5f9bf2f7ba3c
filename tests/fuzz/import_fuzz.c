/* SPDX-License-Identifier: ISC */
/*
 * All that an import does with an archive: the reader, the files, the checks, a
 * snapshot in a root.  It ends in one that is what its envelope says, or
 * in nothing at all.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <assert.h>
#include <ftw.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/unpack.h"
#include "archive/unpack_check.h"
#include "vmm/intake.h"

#define BLOCK 512
#define FILE_MAX (64u << 20) /* a file of more is EX_IOERR here */

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
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

/* There is nothing in the root, not even hidden. */
static void
check_empty(const char *root)
{
	struct error err = { 0 };
	struct strv ids = { 0 };
	struct root *again;
	char hidden[128];

	assert(root_open(&again, root, &err) == 0);
	assert(root_list(&ids, again, ROOT_SNAP, &err) == 0 && ids.n == 0);
	strv_fini(&ids);
	root_close(again);
	snprintf(hidden, sizeof(hidden), "%s/snap", root);
	/* A directory that holds nothing can be removed. */
	assert(rmdir(hidden) == 0);
}

static void
check_snapshot(struct intake *in, const struct label *label)
{
	const struct envelope *e;
	struct error err = { 0 };
	struct envelope_file file;
	struct snap *snap;
	json_t *record;
	size_t i;

	assert(intake_end(&snap, &record, in, label, &err) == 0);
	json_decref(record);
	e = snap_envelope(snap);
	for (i = 0; i < e->files_n; i++) {
		file = e->files[i];
		assert(file.has_digest);
		assert(intake_seal_file(&file, snap_fd(snap), &err) == 0);
	}
	snap_close(snap);
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
	const struct rlimit limit = { FILE_MAX, FILE_MAX };
	const struct intake_how how = { 0 };
	struct error err = { 0 };
	struct intake in = { 0 };
	char root[64];
	int fd, rc;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	snprintf(root, sizeof(root), "/dev/shm/instar-fuzz-XXXXXX");
	fd = memfd_create("archive", MFD_CLOEXEC);
	assert(mkdtemp(root) != NULL && fd != -1);
	assert(write(fd, data, size) == (ssize_t)size);
	assert(lseek(fd, 0, SEEK_SET) == 0);
	envelope_init(&in.envelope);
	rc = import(&in, root, fd, &how, &err);
	if (rc == 0)
		check_snapshot(&in, &how.label);
	else if (err.code != EX_DATAERR && err.code != EX_IOERR) {
		fprintf(stderr, "%d: %s\n", err.code, err.msg);
		abort();
	}
	intake_fini(&in);
	if (rc == -1)
		check_empty(root);
	close(fd);
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
