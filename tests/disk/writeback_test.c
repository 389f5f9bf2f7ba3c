/* SPDX-License-Identifier: ISC */
#include "disk/writeback.h"

#include <atf-c.h>
#include <fcntl.h>
#include <unistd.h>

#define MIB (1 << 20)

static int
make_file(const char *name, off_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ATF_REQUIRE(fd != -1 && ftruncate(fd, size) == 0);
	return fd;
}

ATF_TC_WITHOUT_HEAD(to__little_needs_no_thread);
ATF_TC_BODY(to__little_needs_no_thread, tc)
{
	struct writeback w = { 0 };
	int fd = make_file("a", 8 * MIB);

	(void)tc;
	writeback_to(&w, fd, 4096);
	writeback_to(&w, fd, 8 * MIB - 1);
	ATF_REQUIRE(!w.is_running);
	writeback_wait(&w);
	writeback_fini(&w);
	writeback_fini(&w);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(to__each_step);
ATF_TC_BODY(to__each_step, tc)
{
	struct writeback w = { 0 };
	int fd = make_file("a", 64 * MIB);
	off_t at;

	(void)tc;
	for (at = MIB; at <= 64 * MIB; at += MIB) {
		ATF_REQUIRE_EQ(pwrite(fd, "data", 4, at - MIB), 4);
		writeback_to(&w, fd, (uint64_t)at);
		ATF_REQUIRE_EQ(w.told, (uint64_t)at / (8 * MIB) * (8 * MIB));
	}
	ATF_REQUIRE(w.is_running);
	writeback_fini(&w);
	ATF_REQUIRE(!w.is_running);
	close(fd);
}

/* The number of a file that was closed may be another file's. */
ATF_TC_WITHOUT_HEAD(wait__forgets_the_file);
ATF_TC_BODY(wait__forgets_the_file, tc)
{
	struct writeback w = { 0 };
	int fd = make_file("a", 32 * MIB), again;

	(void)tc;
	writeback_to(&w, fd, 32 * MIB);
	writeback_wait(&w);
	ATF_REQUIRE(!w.is_busy && w.from == w.to && w.next_fd == -1);
	close(fd);
	again = make_file("b", 32 * MIB);
	ATF_REQUIRE_EQ(again, fd);
	writeback_to(&w, again, 8 * MIB);
	ATF_REQUIRE_EQ(w.told, 8 * MIB);
	ATF_REQUIRE_EQ(w.to, 8 * MIB);
	writeback_fini(&w);
	close(again);
}

/* Between two files it is the later one that counts. */
ATF_TC_WITHOUT_HEAD(to__another_file);
ATF_TC_BODY(to__another_file, tc)
{
	struct writeback w = { 0 };
	int a = make_file("a", 32 * MIB), b = make_file("b", 32 * MIB);

	(void)tc;
	writeback_to(&w, a, 32 * MIB);
	writeback_to(&w, b, 8 * MIB - 1);
	ATF_REQUIRE_EQ(w.to, 32 * MIB);
	writeback_to(&w, b, 8 * MIB);
	ATF_REQUIRE_EQ(w.next_fd, b);
	ATF_REQUIRE_EQ(w.to, 8 * MIB);
	writeback_fini(&w);
	close(a);
	close(b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, to__little_needs_no_thread);
	ATF_TP_ADD_TC(tp, to__each_step);
	ATF_TP_ADD_TC(tp, wait__forgets_the_file);
	ATF_TP_ADD_TC(tp, to__another_file);
	return atf_no_error();
}
