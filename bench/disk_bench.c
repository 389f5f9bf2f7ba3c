/* SPDX-License-Identifier: ISC */
/* Runs one operation of the disk floor, for disk_bench.sh to time. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/num.h"
#include "disk/copy.h"
#include "disk/digest_file.h"
#include "disk/seal.h"

#define MAKE_BYTES NUM_GIB
#define MAKE_DATA (UINT64_C(389) * NUM_MIB)
#define MAKE_BLOCK ((size_t)4096)

/* xorshift64*: the same file in every run. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* One run of data of `blocks` blocks, every sixteenth of them zeros. */
static int
write_run(int fd, uint64_t off, uint64_t blocks, uint64_t *state,
    struct error *err)
{
	uint64_t block[MAKE_BLOCK / 8];
	uint64_t i;
	size_t k;

	for (i = 0; i < blocks; i++) {
		memset(block, 0, sizeof(block));
		if (next_random(state) % 16 != 0)
			for (k = 0; k < sizeof(block) / 8; k++)
				block[k] = next_random(state);
		if (fd_pwrite(fd, block, sizeof(block), off + i * MAKE_BLOCK,
			"file", err) == -1)
			return -1;
	}
	return 0;
}

/* As a guest leaves its memory: runs of 4 KiB to 4 MiB, and holes between. */
static int
make(const char *name, struct error *err)
{
	static const uint64_t lens[] = { 1, 4, 16, 64, 256, 1024 };
	uint64_t state = 42, off = 0, data = 0, n;
	int fd;

	fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_sys(err, EX_CANTCREAT, "%s", name);
	while (data < MAKE_DATA) {
		n = lens[next_random(&state) % 6];
		if (n * MAKE_BLOCK > MAKE_DATA - data)
			n = (MAKE_DATA - data) / MAKE_BLOCK;
		if (write_run(fd, off, n, &state, err) == -1)
			return -1;
		data += n * MAKE_BLOCK;
		/* The holes are 1.6 times as long as the data before them. */
		off += (n + n * 8 / 5) * MAKE_BLOCK;
	}
	if (ftruncate(fd, (off_t)MAKE_BYTES) == -1)
		return error_sys(err, EX_IOERR, "%s", name);
	return fd_commit(&fd, name, err);
}

static int
digest(const char *name, bool seal, struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	struct digest d;
	uint64_t size;
	int fd, rc;

	if (fd_open_file(&fd, &size, AT_FDCWD, name, seal ? O_RDWR : O_RDONLY,
		err) == -1)
		return -1;
	if (seal)
		rc = seal_file(&d, fd, size, name, err);
	else
		rc = digest_file(&d, fd, size, name, err);
	fd_drop(&fd);
	if (rc == -1)
		return -1;
	digest_text(text, &d);
	printf("%s %s\n", text, name);
	return 0;
}

static int
run(char *const argv[], struct error *err)
{
	if (strcmp(argv[1], "make") == 0)
		return make(argv[2], err);
	if (strcmp(argv[1], "digest") == 0)
		return digest(argv[2], false, err);
	if (strcmp(argv[1], "seal") == 0)
		return digest(argv[2], true, err);
	if (strcmp(argv[1], "copy") == 0 && argv[3] != NULL)
		return copy_file(NULL, AT_FDCWD, argv[3], AT_FDCWD, argv[2], 0,
		    err);
	if (strcmp(argv[1], "clock") == 0) {
		printf("%" PRId64 "\n", clock_us());
		return 0;
	}
	return error_set(err, EX_USAGE, "%s: no such operation", argv[1]);
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };

	if (argc < 3) {
		diag("usage: disk_bench make|digest|seal|copy|clock file [to]");
		return EX_USAGE;
	}
	return run(argv, &err) == -1 ? diag_error(&err) : EX_OK;
}
