/* SPDX-License-Identifier: ISC */
#include "disk/digest_file.h"
#include "disk/seal.h"

#include <sys/mman.h>

#include "disk/copy.h"
#include "disk/extent.h"
#include "lib/disk_make.h"

/* Whether the block at `off` is a hole. */
static bool
is_hole(int fd, uint64_t off)
{
	struct extent e;

	return extent_next(&e, fd, off, off + BLOCK, "f", NULL) == 0;
}

/* Seals, and proves that the content is as before; returns the digest. */
static struct digest
seal_and_compare(int fd)
{
	struct error err = { 0 };
	struct digest before, sealed, after;
	uint64_t size = make_size(fd);
	int copy = make_file("copy", 0);

	ATF_REQUIRE_EQ(0,
	    copy_extents(copy, fd, size, NULL, NULL, "copy", &err));
	ATF_REQUIRE_EQ(0, digest_file(&before, fd, size, "f", &err));
	ATF_REQUIRE_EQ_MSG(0, seal_file(&sealed, fd, size, "f", &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(0, digest_file(&after, fd, size, "f", &err));
	ATF_CHECK(digest_equal(&before, &sealed));
	ATF_CHECK(digest_equal(&sealed, &after));
	make_compare(copy, fd);
	close(copy);
	ATF_REQUIRE_EQ(0, unlink("copy"));
	return sealed;
}

/* A letter a block: d data, z zeros that are written, h a hole. */
static int
make_pattern(const char *pattern, size_t tail)
{
	unsigned char block[BLOCK];
	size_t i, len = strlen(pattern);
	int fd = make_file("f", len * BLOCK + tail);

	for (i = 0; i < len; i++) {
		memset(block, 0, sizeof(block));
		if (pattern[i] == 'd')
			block[i % BLOCK] = 1;
		if (pattern[i] != 'h')
			make_data(fd, i * BLOCK, block, BLOCK);
	}
	memset(block, 0, sizeof(block));
	if (tail > 0)
		make_data(fd, len * BLOCK, block, tail);
	ATF_REQUIRE_EQ(0, fsync(fd));
	return fd;
}

ATF_TC_WITHOUT_HEAD(file__patterns);
ATF_TC_BODY(file__patterns, tc)
{
	static const char *const table[] = { "", "d", "z", "h", "dz", "zd",
		"zdz", "dzd", "dzzd", "zzhhzz", "dhzhd", "zhdzzhhzdd",
		"ddddddddz" };
	size_t i, k, tail;
	int fd;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (tail = 0; tail < 3000; tail += 2999) {
			fd = make_pattern(table[i], tail);
			seal_and_compare(fd);
			for (k = 0; k < strlen(table[i]); k++)
				ATF_CHECK_EQ_MSG(table[i][k] != 'd',
				    is_hole(fd, k * BLOCK), "%s, block %zu",
				    table[i], k);
			close(fd);
			ATF_REQUIRE_EQ(0, unlink("f"));
		}
}

/* Over the borders of groups and jobs, on several threads. */
ATF_TC_WITHOUT_HEAD(file__long_runs);
ATF_TC_BODY(file__long_runs, tc)
{
	size_t len = 24 << 20, i;
	unsigned char *buf = calloc(1, len);
	uint64_t state = 8;
	int fd = make_file("f", len + 100);

	ATF_REQUIRE(buf != NULL);
	make_bytes(buf, 3 << 20, &state);
	make_bytes(buf + (17 << 20) + BLOCK, 1 << 20, &state);
	make_data(fd, 0, buf, len);
	ATF_CHECK(make_allocated(fd) >= len);
	seal_and_compare(fd);
	/* 4 MiB of data; the rest may be what the filesystem needs itself. */
	ATF_CHECK(make_allocated(fd) < 5 << 20);
	for (i = 3 << 20; i < 17 << 20; i += BLOCK)
		ATF_REQUIRE(is_hole(fd, i));
	ATF_CHECK(is_hole(fd, (uint64_t)17 << 20));
	ATF_CHECK(!is_hole(fd, ((uint64_t)17 << 20) + BLOCK));
	close(fd);
	free(buf);
}

ATF_TC_WITHOUT_HEAD(file__random);
ATF_TC_BODY(file__random, tc)
{
	uint64_t seed;
	int fd;

	for (seed = 1; seed < 4; seed++) {
		fd = make_sparse("f", (uint64_t)(9 << 20) + seed * 777, 100,
		    seed);
		seal_and_compare(fd);
		close(fd);
		ATF_REQUIRE_EQ(0, unlink("f"));
	}
}

ATF_TC_WITHOUT_HEAD(file__again);
ATF_TC_BODY(file__again, tc)
{
	struct digest first, second;
	uint64_t allocated;
	int fd = make_sparse("f", 9 << 20, 100, 5);

	first = seal_and_compare(fd);
	allocated = make_allocated(fd);
	second = seal_and_compare(fd);
	ATF_CHECK(digest_equal(&first, &second));
	ATF_CHECK_EQ(allocated, make_allocated(fd));
	close(fd);
}

/* What was allocated and never written is given back. */
ATF_TC_WITHOUT_HEAD(file__allocated_ahead);
ATF_TC_BODY(file__allocated_ahead, tc)
{
	size_t len = 1 << 20;
	unsigned char *buf = malloc(len);
	uint64_t state = 8;
	int fd = make_file("f", 32 << 20);

	ATF_REQUIRE(buf != NULL);
	make_bytes(buf, len, &state);
	if (fallocate(fd, 0, 0, 32 << 20) == -1)
		atf_tc_skip("nothing can be allocated ahead here");
	make_data(fd, 10 << 20, buf, len);
	ATF_CHECK(make_allocated(fd) >= 32 << 20);
	seal_and_compare(fd);
	ATF_CHECK(make_allocated(fd) < 3 << 20);
	close(fd);
	free(buf);
}

ATF_TC_WITHOUT_HEAD(file__not_writable);
ATF_TC_BODY(file__not_writable, tc)
{
	struct error err = { 0 };
	struct digest d;
	int fd;

	close(make_pattern("dzd", 0));
	fd = open("f", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_CHECK_EQ(-1, seal_file(&d, fd, 3 * BLOCK, "f", &err));
	ATF_CHECK_EQ(EX_IOERR, err.code);
	ATF_CHECK_STREQ("f: Bad file descriptor", err.msg);
	close(fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, file__patterns);
	ATF_TP_ADD_TC(tp, file__long_runs);
	ATF_TP_ADD_TC(tp, file__random);
	ATF_TP_ADD_TC(tp, file__again);
	ATF_TP_ADD_TC(tp, file__allocated_ahead);
	ATF_TP_ADD_TC(tp, file__not_writable);
	return atf_no_error();
}
