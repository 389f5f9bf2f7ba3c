/* SPDX-License-Identifier: ISC */
#include "base/outfile.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"

/* The directory "d" has just these names, with spaces between them. */
static void
check_names(const char *want)
{
	struct strv names = { 0 };
	struct error err = { 0 };
	char have[256] = "";
	size_t i, len = 0;
	int fd;

	ATF_REQUIRE_EQ(0, fd_open_dir(&fd, AT_FDCWD, "d", false, &err));
	ATF_REQUIRE_EQ(0, dir_list(&names, fd, "d", &err));
	for (i = 0; i < names.n; i++)
		len += (size_t)snprintf(have + len, sizeof(have) - len, "%s%s",
		    i == 0 ? "" : " ", names.v[i]);
	ATF_CHECK_STREQ(want, have);
	strv_fini(&names);
	fd_drop(&fd);
}

static void
open_it(struct outfile *out, const char *path, unsigned flags, const char *text)
{
	struct error err = { 0 };

	ATF_REQUIRE_EQ_MSG(0, outfile_open(out, path, flags, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(0, fd_write(out->fd, text, 3, path, &err));
}

static void
check_refused(int code, const char *message, const char *path, unsigned flags)
{
	struct outfile out = OUTFILE_NONE;
	struct error err = { 0 };

	ATF_CHECK_EQ_MSG(-1, outfile_open(&out, path, flags, &err), "%s: taken",
	    path);
	ATF_CHECK_EQ(code, err.code);
	ATF_CHECK_STREQ(message, err.msg);
	ATF_CHECK_EQ(-1, out.fd);
	ATF_CHECK_EQ(-1, out.dirfd);
	outfile_drop(&out);
}

ATF_TC_WITHOUT_HEAD(publish__new);
ATF_TC_BODY(publish__new, tc)
{
	struct outfile out = OUTFILE_NONE;
	struct error err = { 0 };
	struct stat st;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	open_it(&out, "d/f", OUTFILE_NEW, "one");
	/* Until it is whole nobody sees it. */
	ATF_CHECK(access("d/f", F_OK) == -1);
	ATF_REQUIRE_EQ_MSG(0, outfile_publish(&out, OUTFILE_NEW, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(-1, out.fd);
	outfile_drop(&out);
	outfile_drop(&out);
	check_names("f");
	ATF_CHECK(atf_utils_compare_file("d/f", "one"));
	ATF_REQUIRE_EQ(0, stat("d/f", &st));
	ATF_CHECK_EQ(0600, st.st_mode & 07777);
	ATF_CHECK_EQ(1, st.st_nlink);
}

ATF_TC_WITHOUT_HEAD(publish__in_place_of_another);
ATF_TC_BODY(publish__in_place_of_another, tc)
{
	struct outfile out = OUTFILE_NONE;
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	atf_utils_create_file("d/f", "old");
	open_it(&out, "d/f", OUTFILE_REPLACE, "new");
	ATF_CHECK(atf_utils_compare_file("d/f", "old"));
	ATF_REQUIRE_EQ(0,
	    outfile_publish(&out, OUTFILE_REPLACE | OUTFILE_NOSYNC, &err));
	outfile_drop(&out);
	check_names("f");
	ATF_CHECK(atf_utils_compare_file("d/f", "new"));
	/* Also where there is none yet. */
	open_it(&out, "d/g", OUTFILE_REPLACE, "two");
	ATF_REQUIRE_EQ(0, outfile_publish(&out, OUTFILE_REPLACE, &err));
	outfile_drop(&out);
	check_names("f g");
}

ATF_TC_WITHOUT_HEAD(publish__name_taken_meanwhile);
ATF_TC_BODY(publish__name_taken_meanwhile, tc)
{
	struct outfile out = OUTFILE_NONE;
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	open_it(&out, "d/f", OUTFILE_NEW, "new");
	atf_utils_create_file("d/f", "old");
	ATF_CHECK_EQ(-1, outfile_publish(&out, OUTFILE_NEW, &err));
	ATF_CHECK_EQ(EX_CANTCREAT, err.code);
	ATF_CHECK_STREQ("d/f: exists", err.msg);
	outfile_drop(&out);
	check_names("f");
	ATF_CHECK(atf_utils_compare_file("d/f", "old"));
}

/* As on filesystems without O_TMPFILE, where it has a hidden name first. */
ATF_TC_WITHOUT_HEAD(publish__beside);
ATF_TC_BODY(publish__beside, tc)
{
	struct outfile out = OUTFILE_NONE;
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	open_it(&out, "d/f", OUTFILE_REPLACE, "one");
	ATF_REQUIRE_EQ(0, outfile_publish(&out, OUTFILE_NEW, &err));
	outfile_drop(&out);
	check_names("f");
	open_it(&out, "d/f", OUTFILE_REPLACE, "two");
	ATF_CHECK_EQ(-1, outfile_publish(&out, OUTFILE_NEW, &err));
	ATF_CHECK_EQ(EX_CANTCREAT, err.code);
	outfile_drop(&out);
	check_names("f");
	ATF_CHECK(atf_utils_compare_file("d/f", "one"));
}

ATF_TC_WITHOUT_HEAD(drop__leaves_nothing);
ATF_TC_BODY(drop__leaves_nothing, tc)
{
	static const unsigned flags[] = { OUTFILE_NEW, OUTFILE_REPLACE };
	struct outfile out = OUTFILE_NONE;
	size_t i;

	outfile_drop(&out);
	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	atf_utils_create_file("d/kept", "%s", "");
	for (i = 0; i < 2; i++) {
		open_it(&out, "d/f", flags[i], "one");
		outfile_drop(&out);
		ATF_CHECK_EQ(-1, out.fd);
		ATF_CHECK_EQ(-1, out.dirfd);
		check_names("kept");
	}
}

ATF_TC_WITHOUT_HEAD(open__refused);
ATF_TC_BODY(open__refused, tc)
{
	static const unsigned flags[] = { OUTFILE_NEW, OUTFILE_REPLACE };
	size_t i;

	ATF_REQUIRE_EQ(0, mkdir("d", 0700));
	ATF_REQUIRE_EQ(0, mkdir("d/dir", 0700));
	ATF_REQUIRE_EQ(0, symlink("nowhere", "d/link"));
	atf_utils_create_file("d/f", "old");
	check_refused(EX_CANTCREAT, "d/f: exists", "d/f", OUTFILE_NEW);
	for (i = 0; i < 2; i++) {
		check_refused(EX_CANTCREAT, "d/.: not a file's name", "d/.",
		    flags[i]);
		check_refused(EX_CANTCREAT, "..: not a file's name", "..",
		    flags[i]);
		check_refused(EX_CANTCREAT, "d/: not a file's name", "d/",
		    flags[i]);
		check_refused(EX_CANTCREAT,
		    "d/dir: exists, and is no regular file", "d/dir", flags[i]);
		/* What a link leads to is not written, nor is the link. */
		check_refused(EX_CANTCREAT,
		    "d/link: exists, and is no regular file", "d/link",
		    flags[i]);
		check_refused(EX_CANTCREAT, "no/f: No such file or directory",
		    "no/f", flags[i]);
		check_refused(EX_CANTCREAT, "d/f/g: Not a directory", "d/f/g",
		    flags[i]);
	}
	check_names("dir f link");
	ATF_CHECK(atf_utils_compare_file("d/f", "old"));
}

/* A name without a directory is one of the working directory. */
ATF_TC_WITHOUT_HEAD(open__plain_name);
ATF_TC_BODY(open__plain_name, tc)
{
	struct outfile out = OUTFILE_NONE;
	struct error err = { 0 };
	char *path, *dir = realpath(".", NULL);

	open_it(&out, "f", OUTFILE_NEW, "one");
	ATF_REQUIRE_EQ(0, outfile_publish(&out, OUTFILE_NEW, &err));
	outfile_drop(&out);
	ATF_CHECK(atf_utils_compare_file("f", "one"));
	ATF_REQUIRE(dir != NULL && asprintf(&path, "%s/g", dir) != -1);
	open_it(&out, path, OUTFILE_NEW, "two");
	ATF_REQUIRE_EQ(0, outfile_publish(&out, OUTFILE_NEW, &err));
	outfile_drop(&out);
	ATF_CHECK(atf_utils_compare_file("g", "two"));
	free(path);
	free(dir);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, publish__new);
	ATF_TP_ADD_TC(tp, publish__in_place_of_another);
	ATF_TP_ADD_TC(tp, publish__name_taken_meanwhile);
	ATF_TP_ADD_TC(tp, publish__beside);
	ATF_TP_ADD_TC(tp, drop__leaves_nothing);
	ATF_TP_ADD_TC(tp, open__refused);
	ATF_TP_ADD_TC(tp, open__plain_name);
	return atf_no_error();
}
