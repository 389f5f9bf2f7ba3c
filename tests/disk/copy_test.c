/* SPDX-License-Identifier: ISC */
#include "disk/copy.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/sig.h"
#include "disk/extent.h"
#include "lib/disk_make.h"

#define SIZE ((uint64_t)(5 << 20) + 123)

static void
check_absent(const char *name)
{
	ATF_CHECK_EQ_MSG(-1, access(name, F_OK), "%s is there", name);
}

/* copy_file() of "from" to "to" fails with `code` and `msg`. */
static void
check_refusal(unsigned may, int code, const char *msg)
{
	enum copy_how how = COPY_LINKED;
	struct error err = { 0 };

	ATF_CHECK_EQ(-1,
	    copy_file(&how, AT_FDCWD, "to", AT_FDCWD, "from", may, &err));
	ATF_CHECK_EQ(code, err.code);
	ATF_CHECK_STREQ(msg, err.msg);
}

/* The same succeeds; returns how. */
static enum copy_how
copy(unsigned may)
{
	struct error err = { 0 };
	enum copy_how how = COPY_LINKED;

	ATF_REQUIRE_EQ_MSG(0,
	    copy_file(&how, AT_FDCWD, "to", AT_FDCWD, "from", may, &err), "%s",
	    err.msg);
	return how;
}

static int
open_copy(void)
{
	struct stat st;
	int fd = open("to", O_RDWR | O_CLOEXEC);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, fstat(fd, &st));
	ATF_CHECK_EQ(0600, st.st_mode & 07777);
	return fd;
}

ATF_TC_WITHOUT_HEAD(file__as_allowed);
ATF_TC_BODY(file__as_allowed, tc)
{
	struct stat a, b;
	int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int from = make_sparse("from", SIZE, 20, 1), to;

	ATF_CHECK_EQ(COPY_COPIED, copy(0));
	to = open_copy();
	make_compare(from, to);
	ATF_CHECK(make_allocated(to) <= make_allocated(from) + (128 << 10));
	close(to);
	ATF_REQUIRE_EQ(0, unlink("to"));

	ATF_CHECK_EQ(copy_can_reflink(dir) ? COPY_REFLINKED : COPY_COPIED,
	    copy(COPY_MAY_REFLINK));
	to = open_copy();
	make_compare(from, to);
	/* Two files: a change of one is none of the other. */
	make_data(to, 0, "changed", 7);
	ATF_REQUIRE_EQ(0, fstat(from, &a));
	ATF_REQUIRE_EQ(0, fstat(to, &b));
	ATF_CHECK(a.st_ino != b.st_ino);
	close(to);
	ATF_REQUIRE_EQ(0, unlink("to"));

	ATF_CHECK_EQ(COPY_LINKED, copy(COPY_MAY_LINK | COPY_MAY_REFLINK));
	ATF_REQUIRE_EQ(0, stat("from", &a));
	ATF_REQUIRE_EQ(0, stat("to", &b));
	ATF_CHECK_EQ(a.st_ino, b.st_ino);
	close(from);
	close(dir);
}

ATF_TC_WITHOUT_HEAD(file__never_copied);
ATF_TC_BODY(file__never_copied, tc)
{
	struct error err = { 0 };
	enum copy_how how;
	int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	close(make_sparse("from", SIZE, 20, 1));
	ATF_CHECK_EQ(-1,
	    copy_file(&how, dir, "to", dir, "from", COPY_NO_COPY, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_EQ(-1, access("to", F_OK));
	rc = copy_file(&how, dir, "to", dir, "from",
	    COPY_NO_COPY | COPY_MAY_REFLINK, &err);
	ATF_CHECK_EQ(copy_can_reflink(dir) ? 0 : -1, rc);
	ATF_CHECK_EQ(rc, access("to", F_OK));
	ATF_CHECK(rc == -1 || how == COPY_REFLINKED);
	unlink("to");
	ATF_CHECK_EQ(0,
	    copy_file(&how, dir, "to", dir, "from",
		COPY_NO_COPY | COPY_MAY_LINK, &err));
	ATF_CHECK_EQ(COPY_LINKED, how);
	close(dir);
}

ATF_TC_WITHOUT_HEAD(file__empty);
ATF_TC_BODY(file__empty, tc)
{
	static const unsigned mays[] = { 0, COPY_MAY_REFLINK, COPY_MAY_LINK };
	size_t i;
	int to;

	close(make_file("from", 0));
	for (i = 0; i < 3; i++) {
		copy(mays[i]);
		to = open_copy();
		ATF_CHECK_EQ(0, make_size(to));
		close(to);
		ATF_REQUIRE_EQ(0, unlink("to"));
	}
}

ATF_TC_WITHOUT_HEAD(file__only_holes);
ATF_TC_BODY(file__only_holes, tc)
{
	int from = make_file("from", UINT64_C(1) << 40), to;

	ATF_CHECK_EQ(COPY_COPIED, copy(0));
	to = open_copy();
	ATF_CHECK_EQ(UINT64_C(1) << 40, make_size(to));
	ATF_CHECK_EQ(0, make_allocated(to));
	close(to);
	close(from);
}

ATF_TC_WITHOUT_HEAD(file__target_exists);
ATF_TC_BODY(file__target_exists, tc)
{
	int to = make_file("to", 0);

	close(make_file("from", 10));
	make_data(to, 0, "mine", 4);
	check_refusal(0, EX_CANTCREAT, "to: File exists");
	check_refusal(COPY_MAY_LINK, EX_CANTCREAT, "to: File exists");
	ATF_CHECK_EQ(4, make_size(to));
	close(to);
	ATF_REQUIRE_EQ(0, unlink("to"));
	ATF_REQUIRE_EQ(0, symlink("nowhere", "to"));
	check_refusal(0, EX_CANTCREAT, "to: File exists");
	check_absent("nowhere");
}

ATF_TC_WITHOUT_HEAD(file__not_regular);
ATF_TC_BODY(file__not_regular, tc)
{
	static const unsigned mays[] = { 0, COPY_MAY_LINK };
	size_t i;

	close(make_file("real", 10));
	for (i = 0; i < 2; i++) {
		check_refusal(mays[i], EX_NOINPUT,
		    "from: No such file or directory");
		ATF_REQUIRE_EQ(0, symlink("real", "from"));
		check_refusal(mays[i], EX_DATAERR, "from: not a regular file");
		ATF_REQUIRE_EQ(0, unlink("from"));
		ATF_REQUIRE_EQ(0, mkfifo("from", 0600));
		check_refusal(mays[i], EX_DATAERR, "from: not a regular file");
		ATF_REQUIRE_EQ(0, unlink("from"));
		ATF_REQUIRE_EQ(0, mkdir("from", 0700));
		check_refusal(mays[i], EX_DATAERR, "from: not a regular file");
		ATF_REQUIRE_EQ(0, rmdir("from"));
		check_absent("to");
	}
}

ATF_TC_WITHOUT_HEAD(file__no_room);
ATF_TC_BODY(file__no_room, tc)
{
	struct rlimit limit = { .rlim_cur = 1 << 20, .rlim_max = 1 << 20 };

	close(make_sparse("from", SIZE, 20, 1));
	signal(SIGXFSZ, SIG_IGN);
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	check_refusal(0, EX_IOERR, "to: File too large");
	check_absent("to");
}

ATF_TC_WITHOUT_HEAD(file__signal);
ATF_TC_BODY(file__signal, tc)
{
	close(make_sparse("from", SIZE, 20, 1));
	signal(SIGINT, SIG_DFL);
	sig_setup();
	ATF_REQUIRE_EQ(0, raise(SIGINT));
	check_refusal(0, 130, "ended by signal 2 (Interrupt)");
	check_absent("to");
}

static int
give_up(void *arg, uint64_t done_bytes)
{
	uint64_t *seen = arg;

	ATF_CHECK(done_bytes > *seen);
	*seen = done_bytes;
	return done_bytes > 1 << 20 ? -1 : 0;
}

ATF_TC_WITHOUT_HEAD(extents__given_up);
ATF_TC_BODY(extents__given_up, tc)
{
	struct error err = { 0 };
	uint64_t seen = 0;
	int from = make_sparse("from", SIZE, 40, 1), to = make_file("to", 0);

	ATF_CHECK_EQ(-1,
	    copy_extents(to, from, SIZE, give_up, &seen, "to", &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK_STREQ("to: copy given up", err.msg);
	ATF_CHECK(seen > 1 << 20);
	close(to);
	close(from);
}

ATF_TC_WITHOUT_HEAD(extents__source_cut);
ATF_TC_BODY(extents__source_cut, tc)
{
	struct error err = { 0 };
	int from = make_file("from", 0), to = make_file("to", 0);

	make_data(from, 0, "short", 5);
	ATF_CHECK_EQ(-1, copy_extents(to, from, 9, NULL, NULL, "to", &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("to: source ends at byte 5, 4 short", err.msg);
	close(to);
	close(from);
}

/* From memory to a disk: no copy_file_range(2), and zeros are left out. */
ATF_TC_WITHOUT_HEAD(extents__other_filesystem);
ATF_TC_BODY(extents__other_filesystem, tc)
{
	static unsigned char data[20 * BLOCK];
	struct error err = { 0 };
	struct extent e;
	uint64_t state = 3;
	int from = memfd_create("from", MFD_CLOEXEC), to = make_file("to", 0);

	ATF_REQUIRE(from != -1);
	make_bytes(data, sizeof(data), &state);
	memset(data + 2 * BLOCK, 0, 16 * BLOCK);
	make_data(from, 65536, data, sizeof(data));
	make_data(from, 3 << 20, data, 777);
	ATF_REQUIRE_EQ(0, ftruncate(from, 4 << 20));
	ATF_REQUIRE_EQ(0,
	    copy_extents(to, from, 4 << 20, NULL, NULL, "to", &err));
	make_compare(from, to);
	ATF_REQUIRE_EQ(1, extent_next(&e, to, 0, 4 << 20, "to", &err));
	ATF_CHECK_EQ(65536, e.off);
	ATF_CHECK_EQ(0,
	    extent_next(&e, to, 65536 + 2 * BLOCK, 65536 + 18 * BLOCK, "to",
		&err));
	close(to);
	close(from);
}

/* A block that was data in the first copy and is zeros in the second. */
ATF_TC_WITHOUT_HEAD(again__data_became_zeros);
ATF_TC_BODY(again__data_became_zeros, tc)
{
	static const unsigned char zeros[8192];
	unsigned char data[8192];
	struct error err = { 0 };
	int from = make_sparse("from", SIZE, 20, 1);
	int to = open("to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	memset(data, 7, sizeof(data));
	ATF_REQUIRE_EQ(sizeof(data), pwrite(from, data, sizeof(data), 4096));
	ATF_REQUIRE_EQ(0, copy_extents(to, from, SIZE, NULL, NULL, "x", &err));
	ATF_REQUIRE_EQ(sizeof(zeros), pwrite(from, zeros, sizeof(zeros), 4096));
	ATF_REQUIRE_EQ_MSG(0, copy_again(to, from, SIZE, "x", &err), "%s",
	    err.msg);
	make_compare(from, to);
	close(to);
	close(from);
}

ATF_TC_WITHOUT_HEAD(memory__twice);
ATF_TC_BODY(memory__twice, tc)
{
	static const unsigned char zeros[8192];
	unsigned char data[8192];
	struct error err = { 0 };
	int from = make_sparse("from", SIZE, 20, 1);
	int to = open("to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	memset(data, 7, sizeof(data));
	ATF_REQUIRE_EQ(sizeof(data), pwrite(from, data, sizeof(data), 4096));
	ATF_REQUIRE_EQ(0, copy_memory(to, from, SIZE, false, "x", &err));
	make_compare(from, to);
	ATF_REQUIRE_EQ(sizeof(zeros), pwrite(from, zeros, sizeof(zeros), 4096));
	ATF_REQUIRE_EQ(sizeof(data), pwrite(from, data, sizeof(data), 65536));
	ATF_REQUIRE_EQ(0, copy_memory(to, from, SIZE, true, "x", &err));
	make_compare(from, to);
	ATF_CHECK_EQ(-1,
	    copy_memory(to, from, SIZE + 1, true, "memory.raw", &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	close(to);
	close(from);
}

/* A preallocated file of which a guest has touched a few pages. */
ATF_TC_WITHOUT_HEAD(memory__nothing_is_read_ahead);
ATF_TC_BODY(memory__nothing_is_read_ahead, tc)
{
	const size_t size = 256 << 20, pages = size / 4096;
	unsigned char *map, *resident = malloc(pages);
	struct error err = { 0 };
	int from = open("from", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int to = open("to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	size_t i, n = 0;

	if (posix_fallocate(from, 0, (off_t)size) != 0)
		atf_tc_skip("no room for a file of 256 MiB");
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, from, 0);
	ATF_REQUIRE(map != MAP_FAILED && resident != NULL);
	for (i = 0; i < size; i += size / 4)
		map[i] = 1;
	ATF_REQUIRE_EQ(0, copy_memory(to, from, size, false, "x", &err));
	ATF_REQUIRE_EQ(0, copy_memory(to, from, size, true, "x", &err));
	ATF_REQUIRE_EQ(0, mincore(map, size, resident));
	for (i = 0; i < pages; i++)
		n += resident[i] & 1;
	ATF_CHECK_MSG(n < pages / 2, "%zu of %zu pages are in memory", n,
	    pages);
	munmap(map, size);
	free(resident);
	close(to);
	close(from);
}

ATF_TC_WITHOUT_HEAD(reflink__other_filesystem);
ATF_TC_BODY(reflink__other_filesystem, tc)
{
	struct error err = { 0 };
	int from = memfd_create("from", MFD_CLOEXEC), to = make_file("to", 0);

	ATF_REQUIRE(from != -1);
	make_data(from, 0, "abc", 3);
	ATF_CHECK_EQ(-1, copy_reflink(to, from, "to", &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_EQ(0, make_size(to));
	close(to);
	close(from);
}

/* disk_fs_test.sh has this on filesystems with reflinks, and on others. */
ATF_TC_WITHOUT_HEAD(reflink__where_it_can);
ATF_TC_BODY(reflink__where_it_can, tc)
{
	struct error err = { 0 };
	int from = make_sparse("from", SIZE, 20, 1);
	int to = make_file("to", 0);
	int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool can = copy_can_reflink(dir);

	ATF_REQUIRE_EQ_MSG(can ? 0 : -1, copy_reflink(to, from, "to", &err),
	    "%s", err.msg);
	if (can) {
		make_compare(from, to);
	} else {
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		ATF_CHECK_EQ(0, make_size(to));
	}
	close(to);
	close(from);
	close(dir);
}

/* However much there is, little of it is held: this counts as the tool's. */
ATF_TC_WITHOUT_HEAD(memory__holds_little);
ATF_TC_BODY(memory__holds_little, tc)
{
	static const off_t size = 192 << 20;
	static char data[1 << 20];
	int from = open("from", O_RDWR | O_CREAT | O_CLOEXEC, 0600), status;
	int to = memfd_create("to", MFD_CLOEXEC);
	struct rusage use;
	struct error err;
	off_t off;
	pid_t pid;

	ATF_REQUIRE(from != -1 && to != -1);
	ATF_REQUIRE(unlink("from") == 0);
	if (posix_fallocate(from, 0, size) != 0)
		atf_tc_skip("no room for a file of 192 MiB");
	memset(data, 'x', sizeof(data));
	for (off = 0; off < size; off += (off_t)sizeof(data))
		ATF_REQUIRE(pwrite(from, data, sizeof(data), off) ==
		    (ssize_t)sizeof(data));
	pid = fork();
	if (pid == 0)
		_exit(copy_memory(to, from, (uint64_t)size, false, "x", &err) ==
		    -1);
	ATF_REQUIRE(pid > 0 && wait4(pid, &status, 0, &use) == pid);
	ATF_CHECK_EQ(0, status);
	ATF_CHECK_MSG(use.ru_maxrss < 96 << 10, "%ld KiB", use.ru_maxrss);
	close(from);
	close(to);
}

/* "from" is a file, another, and a link to a third, in turn and without end. */
static void
swap(void)
{
	while (link("one", "beside") == 0 && rename("beside", "from") == 0 &&
	    symlink("secret", "beside") == 0 && rename("beside", "from") == 0 &&
	    link("two", "beside") == 0 && rename("beside", "from") == 0)
		;
	_exit(1);
}

/* What is linked or copied is what was opened: never what a link leads to. */
ATF_TC_WITHOUT_HEAD(file__swapped);
ATF_TC_BODY(file__swapped, tc)
{
	static const unsigned ways[] = { COPY_MAY_LINK,
		COPY_MAY_LINK | COPY_MAY_REFLINK, COPY_MAY_REFLINK, 0 };
	struct error err = { 0 };
	unsigned i, done = 0;
	int fd, status;
	pid_t child;
	char c;

	atf_utils_create_file("one", "1");
	atf_utils_create_file("two", "2");
	atf_utils_create_file("secret", "S");
	child = fork();
	ATF_REQUIRE(child != -1);
	if (child == 0)
		swap();
	for (i = 0; i < 1000000 && done < 500; i++) {
		if (copy_file(NULL, AT_FDCWD, "to", AT_FDCWD, "from",
			ways[i % 4], &err) == -1) {
			check_absent("to");
			continue;
		}
		done++;
		fd = open("to", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		ATF_REQUIRE(fd != -1 && read(fd, &c, 1) == 1);
		ATF_CHECK_MSG(c == '1' || c == '2', "%c", c);
		close(fd);
		ATF_REQUIRE_EQ(0, unlink("to"));
	}
	kill(child, SIGKILL);
	ATF_CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	ATF_CHECK_EQ(500, done);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, file__as_allowed);
	ATF_TP_ADD_TC(tp, file__never_copied);
	ATF_TP_ADD_TC(tp, file__empty);
	ATF_TP_ADD_TC(tp, file__only_holes);
	ATF_TP_ADD_TC(tp, file__target_exists);
	ATF_TP_ADD_TC(tp, file__not_regular);
	ATF_TP_ADD_TC(tp, file__swapped);
	ATF_TP_ADD_TC(tp, file__no_room);
	ATF_TP_ADD_TC(tp, file__signal);
	ATF_TP_ADD_TC(tp, extents__given_up);
	ATF_TP_ADD_TC(tp, extents__source_cut);
	ATF_TP_ADD_TC(tp, extents__other_filesystem);
	ATF_TP_ADD_TC(tp, again__data_became_zeros);
	ATF_TP_ADD_TC(tp, memory__twice);
	ATF_TP_ADD_TC(tp, memory__nothing_is_read_ahead);
	ATF_TP_ADD_TC(tp, reflink__other_filesystem);
	ATF_TP_ADD_TC(tp, reflink__where_it_can);
	ATF_TP_ADD_TC(tp, memory__holds_little);
	return atf_no_error();
}
