/* SPDX-License-Identifier: ISC */
#include "registry/cache.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/lock.h"
#include "base/sha256.h"

static const struct digest one = { { 1 } }, two = { { 2 } };

/* A cache of its own in the directory `name`, which is made where it is not. */
static struct cache *
open_in(int *fd, const char *name, uint64_t limit)
{
	struct cache *c;

	mkdir(name, 0700);
	*fd = open(name, O_RDONLY | O_DIRECTORY);
	ATF_REQUIRE(*fd != -1);
	ATF_REQUIRE_EQ(0, cache_open(&c, *fd, limit, NULL));
	return c;
}

/* Whether all of buf[n] is `value`. */
static bool
is_all(const unsigned char *buf, size_t n, unsigned char value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (buf[i] != value)
			return false;
	return true;
}

/* Bytes that the files in the directory have allocated. */
static uint64_t
usage(int dirfd)
{
	struct strv names = { 0 };
	struct stat st;
	uint64_t sum = 0;
	size_t i;

	ATF_REQUIRE_EQ(0, dir_list(&names, dirfd, "cache", NULL));
	for (i = 0; i < names.n; i++) {
		ATF_REQUIRE_EQ(0, fstatat(dirfd, names.v[i], &st, 0));
		sum += (uint64_t)st.st_blocks * 512;
	}
	strv_fini(&names);
	return sum;
}

ATF_TC_WITHOUT_HEAD(read__what_was_written);
ATF_TC_BODY(read__what_was_written, tc)
{
	const uint64_t edge = CACHE_SEGMENT - 1000;
	unsigned char buf[4000], got[4000];
	struct cache *c;
	int fd;

	c = open_in(&fd, "cache", CACHE_BYTES_MAX);
	ATF_CHECK(!cache_read(c, got, sizeof(got), &one, 0));
	ATF_CHECK(!cache_seems(c, &one, 0, 1));
	/* Over the edge of two segments, and the last of all. */
	memset(buf, 7, sizeof(buf));
	ATF_REQUIRE_EQ(0, cache_write(c, buf, sizeof(buf), &one, edge, NULL));
	ATF_REQUIRE(cache_read(c, got, sizeof(got), &one, edge));
	ATF_CHECK(is_all(got, sizeof(got), 7));
	ATF_CHECK(cache_seems(c, &one, edge, sizeof(got)));
	ATF_REQUIRE_EQ(0,
	    cache_write(c, buf, 10, &one, (UINT64_C(1) << 40) - 10, NULL));
	ATF_REQUIRE(cache_read(c, got, 10, &one, (UINT64_C(1) << 40) - 10));
	ATF_CHECK(is_all(got, 10, 7));
	ATF_CHECK_EQ(0,
	    faccessat(fd,
		"0100000000000000000000000000000000000000000000000000000000"
		"000000-03ffff",
		F_OK, 0));
	/* What is before it is a hole, what is behind it ends. */
	ATF_REQUIRE(cache_read(c, got, 1000, &one, edge - 500000));
	ATF_CHECK(is_all(got, 1000, 0));
	ATF_CHECK(!cache_seems(c, &one, edge - 500000, 400000));
	ATF_CHECK(!cache_read(c, got, 4000, &one, edge + 1));
	ATF_CHECK(!cache_seems(c, &one, edge + 1, 4000));
	/* Another blob's are others. */
	ATF_CHECK(!cache_read(c, got, 10, &two, edge));
	cache_close(c);
	close(fd);
	/* And they are there for the next one. */
	c = open_in(&fd, "cache", CACHE_BYTES_MAX);
	ATF_REQUIRE(cache_read(c, got, sizeof(got), &one, edge));
	ATF_CHECK(is_all(got, sizeof(got), 7));
	cache_close(c);
	close(fd);
}

/* More segments than are kept open. */
ATF_TC_WITHOUT_HEAD(read__many_segments);
ATF_TC_BODY(read__many_segments, tc)
{
	unsigned char value, got;
	struct cache *c;
	unsigned i;
	int fd;

	c = open_in(&fd, "cache", CACHE_BYTES_MAX);
	for (i = 0; i < 100; i++) {
		value = (unsigned char)(i + 1);
		ATF_REQUIRE_EQ(0,
		    cache_write(c, &value, 1, &one, i * CACHE_SEGMENT, NULL));
	}
	for (i = 100; i > 0; i--) {
		ATF_REQUIRE(
		    cache_read(c, &got, 1, &one, (i - 1) * CACHE_SEGMENT));
		ATF_CHECK_EQ(i, got);
	}
	cache_close(c);
	close(fd);
}

/* Another process removes what this one has open. */
ATF_TC_WITHOUT_HEAD(write__removed_meanwhile);
ATF_TC_BODY(write__removed_meanwhile, tc)
{
	unsigned char buf[5000], got[5000];
	struct cache *c, *other;
	struct strv names = { 0 };
	int fd, otherfd;

	memset(buf, 9, sizeof(buf));
	c = open_in(&fd, "cache", CACHE_BYTES_MAX);
	ATF_REQUIRE_EQ(0, cache_write(c, buf, sizeof(buf), &one, 0, NULL));
	ATF_REQUIRE_EQ(0, dir_list(&names, fd, "cache", NULL));
	ATF_REQUIRE_EQ(1, names.n);
	/* As trimming does. */
	ATF_REQUIRE_EQ(0, chdir("cache"));
	ATF_REQUIRE_EQ(0, truncate(names.v[0], 0));
	ATF_CHECK(!cache_read(c, got, sizeof(got), &one, 0));
	ATF_REQUIRE_EQ(0, unlink(names.v[0]));
	ATF_CHECK(!cache_read(c, got, sizeof(got), &one, 0));
	ATF_REQUIRE_EQ(0, chdir(".."));
	/* What another one writes then is seen, and the other way round. */
	other = open_in(&otherfd, "cache", CACHE_BYTES_MAX);
	ATF_REQUIRE_EQ(0, cache_write(c, buf, sizeof(buf), &one, 0, NULL));
	ATF_REQUIRE(cache_read(other, got, sizeof(got), &one, 0));
	ATF_CHECK(is_all(got, sizeof(got), 9));
	ATF_REQUIRE_EQ(0, unlinkat(fd, names.v[0], 0));
	memset(buf, 8, sizeof(buf));
	ATF_REQUIRE_EQ(0, cache_write(c, buf, sizeof(buf), &one, 0, NULL));
	ATF_REQUIRE_EQ(0, faccessat(fd, names.v[0], F_OK, 0));
	cache_close(other);
	close(otherfd);
	other = open_in(&otherfd, "cache", CACHE_BYTES_MAX);
	ATF_REQUIRE(cache_read(other, got, sizeof(got), &one, 0));
	ATF_CHECK(is_all(got, sizeof(got), 8));
	strv_fini(&names);
	cache_close(other);
	cache_close(c);
	close(otherfd);
	close(fd);
}

/* The longest unused go first; what was read is used. */
ATF_TC_WITHOUT_HEAD(trim__oldest_first);
ATF_TC_BODY(trim__oldest_first, tc)
{
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } },
			      older[2] = { { 900, 0 }, { 900, 0 } };
	unsigned char *buf = calloc(1, CACHE_SEGMENT), got;
	struct strv names = { 0 };
	struct cache *c;
	unsigned i;
	int fd;

	ATF_REQUIRE(buf != NULL);
	c = open_in(&fd, "cache", CACHE_BYTES_MIN);
	memset(buf, 1, CACHE_SEGMENT);
	for (i = 0; i < 14; i++)
		ATF_REQUIRE_EQ(0,
		    cache_write(c, buf, CACHE_SEGMENT, &one, i * CACHE_SEGMENT,
			NULL));
	cache_close(c);
	ATF_REQUIRE_EQ(0, dir_list(&names, fd, "cache", NULL));
	ATF_REQUIRE_EQ(14, names.n);
	for (i = 0; i < 14; i++)
		ATF_REQUIRE_EQ(0,
		    utimensat(fd, names.v[i], i % 2 == 0 ? old : older, 0));
	ATF_REQUIRE_EQ(0, cache_open(&c, fd, CACHE_BYTES_MIN, NULL));
	/* Number 1 is of the older ones, and read. */
	ATF_REQUIRE(cache_read(c, &got, 1, &one, CACHE_SEGMENT));
	for (i = 14; i < 20; i++)
		ATF_REQUIRE_EQ(0,
		    cache_write(c, buf, CACHE_SEGMENT, &one, i * CACHE_SEGMENT,
			NULL));
	ATF_CHECK(usage(fd) <= CACHE_BYTES_MIN);
	for (i = 0; i < 14; i++)
		if (i % 2 == 1 && i != 1)
			ATF_CHECK_EQ_MSG(-1, faccessat(fd, names.v[i], F_OK, 0),
			    "%u", i);
	ATF_CHECK_EQ(0, faccessat(fd, names.v[1], F_OK, 0));
	ATF_CHECK(cache_read(c, &got, 1, &one, 19 * CACHE_SEGMENT));
	strv_fini(&names);
	cache_close(c);
	close(fd);
	free(buf);
}

/* Who has the lock removes; the others write on, and the log is nobody's. */
ATF_TC_WITHOUT_HEAD(trim__locked);
ATF_TC_BODY(trim__locked, tc)
{
	unsigned char *buf = calloc(1, CACHE_SEGMENT);
	struct cache *c;
	unsigned i;
	int fd, lock, log;

	ATF_REQUIRE(buf != NULL);
	memset(buf, 1, CACHE_SEGMENT);
	c = open_in(&fd, "cache", CACHE_BYTES_MIN);
	log = openat(fd, CACHE_LOG, O_WRONLY | O_CREAT, 0600);
	ATF_REQUIRE(log != -1);
	lock = open("cache", O_RDONLY | O_DIRECTORY);
	ATF_REQUIRE_EQ(0, lock_fd(lock, LOCK_EXCLUSIVE, 0, "cache", NULL));
	for (i = 0; i < 20; i++)
		ATF_REQUIRE_EQ(0,
		    cache_write(c, buf, CACHE_SEGMENT, &one, i * CACHE_SEGMENT,
			NULL));
	ATF_CHECK(usage(fd) > CACHE_BYTES_MIN);
	close(lock);
	ATF_REQUIRE_EQ(0, cache_trim(c, 0, NULL));
	ATF_CHECK(usage(fd) <= CACHE_BYTES_MIN);
	ATF_CHECK_EQ(0, faccessat(fd, CACHE_LOG, F_OK, 0));
	cache_close(c);
	close(log);
	close(fd);
	free(buf);
}

ATF_TC_WITHOUT_HEAD(load__whole_blobs_only);
ATF_TC_BODY(load__whole_blobs_only, tc)
{
	const size_t len = (size_t)CACHE_SEGMENT + 12345;
	unsigned char *buf = calloc(1, len);
	struct digest digest;
	struct cache *c;
	size_t got_n;
	char *got;
	int fd;

	ATF_REQUIRE(buf != NULL);
	memset(buf, 5, len);
	sha256_of(digest.raw, buf, len);
	c = open_in(&fd, "cache", CACHE_BYTES_MAX);
	ATF_CHECK(!cache_load(c, &got, &got_n, &digest, len));
	ATF_REQUIRE_EQ(0,
	    cache_write(c, buf, (size_t)CACHE_SEGMENT, &digest, 0, NULL));
	ATF_CHECK(!cache_load(c, &got, &got_n, &digest, len));
	ATF_REQUIRE_EQ(0,
	    cache_write(c, buf + CACHE_SEGMENT, 12345, &digest, CACHE_SEGMENT,
		NULL));
	ATF_REQUIRE(cache_load(c, &got, &got_n, &digest, len));
	ATF_CHECK_EQ(len, got_n);
	ATF_CHECK_EQ(0, memcmp(buf, got, len));
	ATF_CHECK_EQ('\0', got[len]);
	free(got);
	ATF_CHECK(!cache_load(c, &got, &got_n, &digest, len - 1));
	ATF_REQUIRE_EQ(0, cache_write(c, "x", 1, &digest, 777, NULL));
	ATF_CHECK(!cache_load(c, &got, &got_n, &digest, len));
	cache_close(c);
	close(fd);
	free(buf);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, read__what_was_written);
	ATF_TP_ADD_TC(tp, read__many_segments);
	ATF_TP_ADD_TC(tp, write__removed_meanwhile);
	ATF_TP_ADD_TC(tp, trim__oldest_first);
	ATF_TP_ADD_TC(tp, trim__locked);
	ATF_TP_ADD_TC(tp, load__whole_blobs_only);
	return atf_no_error();
}
