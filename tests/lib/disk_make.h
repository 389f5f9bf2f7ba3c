/* SPDX-License-Identifier: ISC */
/* What the tests of the disk floor make their files with. */
#ifndef DISK_MAKE_H
#define DISK_MAKE_H

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)4096)

/* xorshift64*: the same bytes in every run. */
static inline uint64_t
make_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static inline void
make_bytes(unsigned char *buf, size_t len, uint64_t *state)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (unsigned char)(make_random(state) >> 32 | 1);
}

/* A new empty file, open for reading and writing. */
static inline int
make_file(const char *name, uint64_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, ftruncate(fd, (off_t)size));
	return fd;
}

static inline void
make_data(int fd, uint64_t off, const void *buf, size_t len)
{
	ATF_REQUIRE_EQ((ssize_t)len, pwrite(fd, buf, len, (off_t)off));
}

/*
 * A file of `size` bytes with `runs` runs at any offset, some of them zeros
 * that are no hole.
 */
static inline int
make_sparse(const char *name, uint64_t size, unsigned runs, uint64_t seed)
{
	static const size_t lens[] = { 1, 700, 4096, 5000, 65536, 600000 };
	unsigned char *buf = calloc(1, 600000);
	uint64_t state = seed, off;
	size_t len;
	int fd = make_file(name, size);

	ATF_REQUIRE(buf != NULL);
	for (; runs > 0; runs--) {
		len = lens[make_random(&state) % 6];
		off = make_random(&state) % size;
		if (len > size - off)
			len = (size_t)(size - off);
		memset(buf, 0, len);
		if (make_random(&state) % 2 == 0)
			make_bytes(buf, len, &state);
		make_data(fd, off, buf, len);
	}
	free(buf);
	return fd;
}

static inline uint64_t
make_size(int fd)
{
	struct stat st;

	ATF_REQUIRE_EQ(0, fstat(fd, &st));
	return (uint64_t)st.st_size;
}

static inline uint64_t
make_allocated(int fd)
{
	struct stat st;

	ATF_REQUIRE_EQ(0, fsync(fd));
	ATF_REQUIRE_EQ(0, fstat(fd, &st));
	return (uint64_t)st.st_blocks * 512;
}

/* Whether both have the same bytes. */
static inline void
make_compare(int a, int b)
{
	static const size_t cap = 1 << 20;
	unsigned char *bufa = malloc(cap), *bufb = malloc(cap);
	uint64_t size = make_size(a), off;
	ssize_t n;

	ATF_REQUIRE(bufa != NULL && bufb != NULL);
	ATF_REQUIRE_EQ(size, make_size(b));
	for (off = 0; off < size; off += (uint64_t)n) {
		n = pread(a, bufa, cap, (off_t)off);
		ATF_REQUIRE(n > 0);
		ATF_REQUIRE_EQ(n, pread(b, bufb, cap, (off_t)off));
		ATF_REQUIRE_EQ_MSG(0, memcmp(bufa, bufb, (size_t)n),
		    "differ behind byte %ju", (uintmax_t)off);
	}
	free(bufa);
	free(bufb);
}

#endif
