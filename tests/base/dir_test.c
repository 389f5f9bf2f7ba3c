/* SPDX-License-Identifier: ISC */
#include "base/dir.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "lib/denied.h"

ATF_TC_WITHOUT_HEAD(list__sorted_behind_what_was_there);
ATF_TC_BODY(list__sorted_behind_what_was_there, tc)
{
	static const char *const all[] = { "z", ".hidden", "B", "a", "a.b",
		"link", "sub", "\xc3\xa4" }; /* "z" is not of the directory */
	struct strv names = { 0 };
	struct error err = { 0 };
	size_t i;
	int fd;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	ATF_REQUIRE_EQ(0, mkdir("d/sub", 0700));
	ATF_REQUIRE_EQ(0, symlink("nowhere", "d/link"));
	atf_utils_create_file("d/.hidden", "%s", "");
	atf_utils_create_file("d/B", "%s", "");
	atf_utils_create_file("d/a", "%s", "");
	atf_utils_create_file("d/a.b", "%s", "");
	atf_utils_create_file("d/\xc3\xa4", "%s", "");
	ATF_REQUIRE_EQ(0, fd_open_dir(&fd, AT_FDCWD, "d", false, &err));
	ATF_REQUIRE_EQ(0, strv_add(&names, &err, "z"));
	/* Twice: where the caller's descriptor stands does not matter. */
	ATF_REQUIRE_EQ(0, dir_list(&names, fd, "d", &err));
	strv_cut(&names, 1);
	ATF_REQUIRE_EQ(0, dir_list(&names, fd, "d", &err));
	ATF_REQUIRE_EQ(8, names.n);
	for (i = 0; i < names.n; i++)
		ATF_CHECK_STREQ(all[i], names.v[i]);
	ATF_CHECK_EQ(NULL, names.v[8]);
	strv_fini(&names);
	fd_drop(&fd);
}

ATF_TC_WITHOUT_HEAD(list__empty);
ATF_TC_BODY(list__empty, tc)
{
	struct strv names = { 0 };
	struct error err = { 0 };
	int fd;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	ATF_REQUIRE_EQ(0, fd_open_dir(&fd, AT_FDCWD, "d", false, &err));
	ATF_REQUIRE_EQ(0, dir_list(&names, fd, "d", &err));
	ATF_CHECK_EQ(0, names.n);
	fd_drop(&fd);
}

/* More than one read of the directory brings. */
ATF_TC_WITHOUT_HEAD(list__long_names);
ATF_TC_BODY(list__long_names, tc)
{
	struct strv names = { 0 };
	struct error err = { 0 };
	char name[256];
	unsigned i;
	int fd, one;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	ATF_REQUIRE_EQ(0, fd_open_dir(&fd, AT_FDCWD, "d", false, &err));
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "%0200u", i);
		one = openat(fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		ATF_REQUIRE(one != -1);
		close(one);
	}
	ATF_REQUIRE_EQ(0, dir_list(&names, fd, "d", &err));
	ATF_REQUIRE_EQ(500, names.n);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "%0200u", i);
		ATF_REQUIRE_STREQ(name, names.v[i]);
	}
	strv_fini(&names);
	fd_drop(&fd);
}

static void
check_failure(int code, int fd, const char *what, const char *message)
{
	struct strv names = { 0 };
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, strv_add(&names, &err, "kept"));
	ATF_CHECK_EQ(-1, dir_list(&names, fd, what, &err));
	ATF_CHECK_EQ(code, err.code);
	ATF_CHECK_STREQ(message, err.msg);
	ATF_REQUIRE_EQ(1, names.n);
	ATF_CHECK_STREQ("kept", names.v[0]);
	strv_fini(&names);
}

ATF_TC_WITHOUT_HEAD(list__no_directory);
ATF_TC_BODY(list__no_directory, tc)
{
	struct error err = { 0 };
	int fd;

	atf_utils_create_file("f", "%s", "");
	ATF_REQUIRE_EQ(0,
	    fd_open_file(&fd, NULL, AT_FDCWD, "f", O_RDONLY, &err));
	check_failure(EX_NOINPUT, fd, "f", "f: Not a directory");
	fd_drop(&fd);
}

/* The end of what could be read is not the end of the directory. */
ATF_TC_WITHOUT_HEAD(list__read_error);
ATF_TC_BODY(list__read_error, tc)
{
	struct error err = { 0 };
	pid_t child;
	int fd;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	atf_utils_create_file("d/a", "%s", "");
	ATF_REQUIRE_EQ(0, fd_open_dir(&fd, AT_FDCWD, "d", false, &err));
	child = atf_utils_fork();
	if (child == 0) {
		ATF_REQUIRE_EQ(0, denied(SYS_getdents64, EIO));
		check_failure(EX_IOERR, fd, "d", "d: Input/output error");
		_exit(0);
	}
	atf_utils_wait(child, 0, "", "");
	fd_drop(&fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, list__sorted_behind_what_was_there);
	ATF_TP_ADD_TC(tp, list__empty);
	ATF_TP_ADD_TC(tp, list__long_names);
	ATF_TP_ADD_TC(tp, list__no_directory);
	ATF_TP_ADD_TC(tp, list__read_error);
	return atf_no_error();
}
