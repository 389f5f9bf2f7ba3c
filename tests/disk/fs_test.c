/* SPDX-License-Identifier: ISC */
#include "disk/fs.h"

#include <sys/mman.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/proc.h"
#include "lib/disk_make.h"

ATF_TC_WITHOUT_HEAD(free__as_statvfs_says);
ATF_TC_BODY(free__as_statvfs_says, tc)
{
	struct error err = { 0 };
	struct statvfs st;
	uint64_t n, said, diff;
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ATF_REQUIRE_EQ(0, fs_free_bytes(&n, dir, &err));
	ATF_REQUIRE_EQ(0, statvfs("/", &st));
	said = (uint64_t)st.f_bavail * st.f_frsize;
	diff = n > said ? n - said : said - n;
	/* Others write meanwhile. */
	ATF_CHECK_MSG(diff < UINT64_C(4) << 30, "%ju, not %ju", (uintmax_t)n,
	    (uintmax_t)said);
	close(dir);

	ATF_CHECK_EQ(-1, fs_free_bytes(&n, dir, &err));
	ATF_CHECK_EQ(EX_IOERR, err.code);
	ATF_CHECK_STREQ("free space: Bad file descriptor", err.msg);
}

ATF_TC_WITHOUT_HEAD(same__by_filesystem);
ATF_TC_BODY(same__by_filesystem, tc)
{
	int a = make_file("a", 0), b = make_file("b", 0);
	int m = memfd_create("m", MFD_CLOEXEC);

	ATF_CHECK(fs_is_same(a, b));
	ATF_CHECK(!fs_is_same(a, m));
	ATF_CHECK(!fs_is_same(a, -1));
	ATF_CHECK(!fs_is_network(m));
	ATF_CHECK(!fs_is_network(-1));
	close(m);
	close(b);
	close(a);
}

ATF_TC_WITHOUT_HEAD(ext4__made);
ATF_TC_BODY(ext4__made, tc)
{
	char program[] = "/usr/sbin/e2fsck", flags[] = "-fn",
	     name[] = "-data.raw", dashes[] = "--";
	char *argv[] = { program, flags, dashes, name, NULL };
	struct proc_run how = { .argv = argv, .dirfd = -1, .stdin_fd = -1 };
	struct error err = { 0 };
	unsigned char magic[2];
	/* A name that looks like an option. */
	int fd = make_file(name, 64 << 20);
	int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* As an ordinary user's: without /usr/sbin. */
	ATF_REQUIRE_EQ(0, setenv("PATH", "/usr/bin:/bin", 1));
	if (fs_make_ext4(dir, name, 0, &err) == -1) {
		if (strstr(err.msg, "program not found") != NULL)
			atf_tc_skip("%s", err.msg);
		atf_tc_fail("%s", err.msg);
	}
	ATF_REQUIRE_EQ(2, pread(fd, magic, 2, 1024 + 0x38));
	ATF_CHECK_EQ(0x53, magic[0]);
	ATF_CHECK_EQ(0xef, magic[1]);
	ATF_CHECK_EQ(64 << 20, make_size(fd));
	ATF_CHECK(make_allocated(fd) < 8 << 20);
	how.deadline_ms = clock_ms() + 60000;
	ATF_CHECK_EQ_MSG(0, proc_run(&how, &err), "%s", err.msg);
	close(dir);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(ext4__no_file);
ATF_TC_BODY(ext4__no_file, tc)
{
	struct error err = { 0 };
	int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ATF_CHECK_EQ(-1, fs_make_ext4(dir, "none", 0, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_MSG(strncmp(err.msg, "none: mkfs.ext4: ", 17) == 0 ||
		strncmp(err.msg, "none: /usr/sbin/mkfs.ext4: ", 27) == 0,
	    "%s", err.msg);
	ATF_CHECK_EQ(-1, access("none", F_OK));
	close(dir);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, free__as_statvfs_says);
	ATF_TP_ADD_TC(tp, same__by_filesystem);
	ATF_TP_ADD_TC(tp, ext4__made);
	ATF_TP_ADD_TC(tp, ext4__no_file);
	return atf_no_error();
}
