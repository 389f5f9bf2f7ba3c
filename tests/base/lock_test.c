/* SPDX-License-Identifier: ISC */
#include "base/lock.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

#include "lib/locked.h"

static int
take(enum lock_mode mode)
{
	struct error err = { 0 };
	int fd = -1;

	ATF_REQUIRE_EQ_MSG(0, lock_dir(&fd, AT_FDCWD, "d", mode, 0, &err), "%s",
	    err.msg);
	return fd;
}

static void
check_busy(enum lock_mode mode, int64_t deadline_ms)
{
	struct error err = { 0 };
	int fd = -1;

	ATF_CHECK_EQ(-1, lock_dir(&fd, AT_FDCWD, "d", mode, deadline_ms, &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK_STREQ("d: busy", err.msg);
	ATF_CHECK_EQ(-1, fd);
}

ATF_TC_WITHOUT_HEAD(dir__shared_and_exclusive);
ATF_TC_BODY(dir__shared_and_exclusive, tc)
{
	int one, two;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	one = take(LOCK_SHARED);
	two = take(LOCK_SHARED);
	check_busy(LOCK_EXCLUSIVE, 0);
	fd_drop(&one);
	check_busy(LOCK_EXCLUSIVE, 0);
	fd_drop(&two);
	one = take(LOCK_EXCLUSIVE);
	check_busy(LOCK_SHARED, 0);
	check_busy(LOCK_EXCLUSIVE, 0);
	fd_drop(&one);
	two = take(LOCK_SHARED);
	fd_drop(&two);
}

/* The lock is that of the open directory: a copy holds it on. */
ATF_TC_WITHOUT_HEAD(dir__held_by_a_copy);
ATF_TC_BODY(dir__held_by_a_copy, tc)
{
	int fd, copy;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	fd = take(LOCK_EXCLUSIVE);
	ATF_CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ATF_REQUIRE(copy != -1);
	fd_drop(&fd);
	check_busy(LOCK_SHARED, 0);
	fd_drop(&copy);
	fd = take(LOCK_EXCLUSIVE);
	fd_drop(&fd);
}

ATF_TC_WITHOUT_HEAD(dir__dies_with_its_process);
ATF_TC_BODY(dir__dies_with_its_process, tc)
{
	int ready[2], fd;
	pid_t child;
	char byte;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	ATF_REQUIRE_EQ(0, pipe2(ready, O_CLOEXEC));
	child = fork();
	ATF_REQUIRE(child != -1);
	if (child == 0) {
		if (lock_dir(&fd, AT_FDCWD, "d", LOCK_EXCLUSIVE, 0, NULL) == 0)
			(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ATF_REQUIRE_EQ(1, read(ready[0], &byte, 1));
	check_busy(LOCK_EXCLUSIVE, 0);
	ATF_REQUIRE_EQ(0, kill(child, SIGKILL));
	ATF_REQUIRE_EQ(0,
	    lock_dir(&fd, AT_FDCWD, "d", LOCK_EXCLUSIVE, clock_ms() + 20000,
		NULL));
	fd_drop(&fd);
	close(ready[0]);
}

ATF_TC_WITHOUT_HEAD(dir__waits_until_the_deadline);
ATF_TC_BODY(dir__waits_until_the_deadline, tc)
{
	int64_t start = clock_ms();
	int fd;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	fd = take(LOCK_SHARED);
	check_busy(LOCK_EXCLUSIVE, start + 200);
	ATF_CHECK(clock_ms() >= start + 200);
	fd_drop(&fd);
}

/* Whoever waits gets what has the name then, not what was removed. */
ATF_TC_WITHOUT_HEAD(dir__exchanged_meanwhile);
ATF_TC_BODY(dir__exchanged_meanwhile, tc)
{
	struct error err = { 0 };
	struct stat held, named;
	int fd, got = -1;
	pid_t child;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	ATF_REQUIRE_EQ(0, mkdir("other", 0700));
	fd = take(LOCK_EXCLUSIVE);
	child = fork();
	ATF_REQUIRE(child != -1);
	if (child == 0) {
		clock_nap(300);
		if (rename("d", "gone") == -1 || rename("other", "d") == -1)
			_exit(1);
		fd_drop(&fd);
		_exit(0);
	}
	fd_drop(&fd);
	ATF_REQUIRE_EQ_MSG(0,
	    lock_dir(&got, AT_FDCWD, "d", LOCK_EXCLUSIVE, clock_ms() + 20000,
		&err),
	    "%s", err.msg);
	ATF_REQUIRE_EQ(0, fstat(got, &held));
	ATF_REQUIRE_EQ(0, stat("d", &named));
	ATF_CHECK_EQ(named.st_ino, held.st_ino);
	/* The one that it waited for is locked by nobody. */
	ATF_REQUIRE_EQ(0, fd_open_dir(&fd, AT_FDCWD, "gone", false, &err));
	ATF_CHECK(!is_locked(fd));
	fd_drop(&fd);
	fd_drop(&got);
}

ATF_TC_WITHOUT_HEAD(dir__none);
ATF_TC_BODY(dir__none, tc)
{
	struct error err = { 0 };
	int fd = -1;

	ATF_CHECK_EQ(-1,
	    lock_dir(&fd, AT_FDCWD, "d", LOCK_SHARED, clock_ms() + 20000,
		&err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_REQUIRE_EQ(0, mkdir("other", 0700));
	ATF_REQUIRE_EQ(0, symlink("other", "d"));
	ATF_CHECK_EQ(-1, lock_dir(&fd, AT_FDCWD, "d", LOCK_SHARED, 0, &err));
	ATF_REQUIRE_EQ(0, unlink("d"));
	atf_utils_create_file("d", "%s", "");
	ATF_CHECK_EQ(-1, lock_dir(&fd, AT_FDCWD, "d", LOCK_SHARED, 0, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_EQ(-1, fd);
}

ATF_TC_WITHOUT_HEAD(dir__signal_ends_the_wait);
ATF_TC_BODY(dir__signal_ends_the_wait, tc)
{
	struct error err = { 0 };
	int fd, got = -1;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	fd = take(LOCK_EXCLUSIVE);
	ATF_REQUIRE(signal(SIGTERM, SIG_DFL) != SIG_ERR);
	sig_setup();
	ATF_REQUIRE_EQ(0, raise(SIGTERM));
	ATF_CHECK_EQ(-1,
	    lock_dir(&got, AT_FDCWD, "d", LOCK_SHARED, clock_ms() + 20000,
		&err));
	ATF_CHECK_EQ(128 + SIGTERM, err.code);
	ATF_CHECK_EQ(-1, got);
	fd_drop(&fd);
}

/* Of a file that is open already; asking is no taking. */
ATF_TC_WITHOUT_HEAD(fd__and_is_held);
ATF_TC_BODY(fd__and_is_held, tc)
{
	struct error err = { 0 };
	int one, two;

	atf_utils_create_file("f", "%s", "");
	ATF_REQUIRE_EQ(0,
	    fd_open_file(&one, NULL, AT_FDCWD, "f", O_RDONLY, &err));
	ATF_REQUIRE_EQ(0,
	    fd_open_file(&two, NULL, AT_FDCWD, "f", O_RDONLY, &err));
	ATF_CHECK(!is_locked(one));
	ATF_CHECK(!is_locked(two));
	ATF_CHECK_EQ(0, lock_fd(one, LOCK_SHARED, 0, "f", &err));
	ATF_CHECK(is_locked(two));
	ATF_CHECK_EQ(0, lock_fd(two, LOCK_SHARED, 0, "f", &err));
	/* More than it has it does not get, and says for what. */
	ATF_CHECK_EQ(-1, lock_fd(two, LOCK_EXCLUSIVE, 0, "it", &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK_STREQ("it: busy", err.msg);
	fd_drop(&one);
	ATF_CHECK_EQ(0, lock_fd(two, LOCK_EXCLUSIVE, 0, "f", &err));
	fd_drop(&two);
	ATF_CHECK_EQ(-1, lock_fd(-1, LOCK_SHARED, 0, "f", &err));
	ATF_CHECK_EQ(EX_OSERR, err.code);
}

/* A mark goes with its file's last descriptor, and who looks leaves none. */
ATF_TC_WITHOUT_HEAD(mark__is_seen);
ATF_TC_BODY(mark__is_seen, tc)
{
	int fd, copy, one, two;

	atf_utils_create_file("f", "%s", "");
	fd = open("f", O_WRONLY | O_APPEND | O_CLOEXEC);
	one = open("f", O_RDONLY | O_CLOEXEC);
	two = open("f", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1 && one != -1 && two != -1);
	ATF_REQUIRE_EQ(0, lock_fd(two, LOCK_EXCLUSIVE, 0, "f", NULL));
	ATF_CHECK(!lock_is_marked(one));
	lock_mark(fd);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ATF_REQUIRE(copy != -1);
	fd_drop(&fd);
	ATF_CHECK(lock_is_marked(one));
	ATF_CHECK(lock_is_marked(two));
	/* One that may only be read is not marked by who reads it. */
	fd_drop(&copy);
	lock_mark(one);
	ATF_CHECK(!lock_is_marked(two));
	fd_drop(&one);
	fd_drop(&two);
}

/* Who holds it sees that somebody waits, and lets him have it. */
ATF_TC_WITHOUT_HEAD(want__and_yield);
ATF_TC_BODY(want__and_yield, tc)
{
	struct error err = { 0 };
	int word[2], fd, other;
	pid_t child;
	char byte = 0;

	atf_utils_create_file("f", "%s", "");
	fd = open("f", O_RDWR | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, lock_want(fd, 0, "f", &err));
	ATF_CHECK(!lock_is_wanted(fd));
	/* One that gives up leaves no mark. */
	other = open("f", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(other != -1);
	ATF_CHECK_EQ(-1, lock_want(other, clock_ms() + 20, "f", &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK(!lock_is_wanted(fd));
	ATF_REQUIRE_EQ(0, pipe2(word, O_CLOEXEC));
	child = fork();
	ATF_REQUIRE(child != -1);
	if (child == 0) {
		fd_drop(&fd);
		if (lock_want(other, clock_ms() + 60000, "f", NULL) == 0)
			(void)!write(word[1], "x", 1);
		for (;;)
			pause();
	}
	close(word[1]);
	fd_drop(&other);
	while (!lock_is_wanted(fd))
		clock_nap(1);
	lock_yield(fd);
	ATF_CHECK_EQ(1, read(word[0], &byte, 1));
	ATF_CHECK_EQ('x', byte);
	ATF_CHECK(!lock_is_wanted(fd));
	ATF_CHECK(is_locked(fd));
	ATF_REQUIRE_EQ(0, kill(child, SIGKILL));
	ATF_CHECK_EQ(0, lock_want(fd, clock_ms() + 20000, "f", &err));
	fd_drop(&fd);
	close(word[0]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, dir__shared_and_exclusive);
	ATF_TP_ADD_TC(tp, dir__held_by_a_copy);
	ATF_TP_ADD_TC(tp, dir__dies_with_its_process);
	ATF_TP_ADD_TC(tp, dir__waits_until_the_deadline);
	ATF_TP_ADD_TC(tp, dir__exchanged_meanwhile);
	ATF_TP_ADD_TC(tp, dir__none);
	ATF_TP_ADD_TC(tp, dir__signal_ends_the_wait);
	ATF_TP_ADD_TC(tp, fd__and_is_held);
	ATF_TP_ADD_TC(tp, mark__is_seen);
	ATF_TP_ADD_TC(tp, want__and_yield);
	return atf_no_error();
}
