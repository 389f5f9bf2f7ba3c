/* SPDX-License-Identifier: ISC */
#include "state/root.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ATF_TC_WITHOUT_HEAD(open__makes_what_is_missing);
ATF_TC_BODY(open__makes_what_is_missing, tc)
{
	static const char *const parts[] = { "a/root", "a/root/vm",
		"a/root/snap", "a/root/layer", "a/root/name", "a/root/name/vm",
		"a/root/name/snap", "a/root/access" };
	struct root *root;
	struct error err = { 0 };
	struct stat st;
	char cwd[4096], want[5000];
	size_t i;

	ATF_REQUIRE_EQ_MSG(0, root_open(&root, "a/root/", &err), "%s", err.msg);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		ATF_REQUIRE_EQ_MSG(0, lstat(parts[i], &st), "%s", parts[i]);
		ATF_CHECK_EQ_MSG(0700, st.st_mode & 07777, "%s", parts[i]);
	}
	ATF_REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(want, sizeof(want), "%s/a/root", cwd);
	ATF_CHECK_STREQ(want, root_path(root));
	root_close(root);
	root_close(NULL);
	ATF_REQUIRE_EQ(0, setenv("INSTAR_ROOT", want, 1));
	ATF_REQUIRE_EQ(0, root_open(&root, NULL, &err));
	ATF_CHECK_STREQ(want, root_path(root));
	root_close(root);
}

/* Makes no root, and of one that is there what is missing. */
ATF_TC_WITHOUT_HEAD(open_existing__of_each);
ATF_TC_BODY(open_existing__of_each, tc)
{
	struct root *root;
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, mkdir("empty", 0700));
	ATF_CHECK_EQ(-1, root_open_existing(&root, "none", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_MSG(strstr(err.msg, "/none: no state root: ") != NULL, "%s",
	    err.msg);
	ATF_CHECK_EQ(-1, root_open_existing(&root, "empty", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_EQ(-1, root_open_to_tidy(&root, "empty", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_EQ(-1, access("none", F_OK));
	ATF_CHECK_EQ_MSG(0, rmdir("empty"), "something was made");
	ATF_REQUIRE_EQ(0, mkdir("part", 0700));
	ATF_REQUIRE_EQ(0, mkdir("part/snap", 0700));
	ATF_REQUIRE_EQ_MSG(0, root_open_existing(&root, "part", &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(0, access("part/vm", F_OK));
	ATF_CHECK_EQ(0, access("part/name/vm", F_OK));
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(open__not_a_directory);
ATF_TC_BODY(open__not_a_directory, tc)
{
	struct root *root;
	struct error err;

	ATF_REQUIRE_EQ(0, close(creat("file", 0600)));
	ATF_CHECK_EQ(-1, root_open(&root, "file", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_STREQ("file: Not a directory",
	    strstr(err.msg, "file: ") == NULL ? "" : strstr(err.msg, "file: "));
}

ATF_TC(open__not_writable);
ATF_TC_HEAD(open__not_writable, tc)
{
	atf_tc_set_md_var(tc, "require.user", "unprivileged");
}
ATF_TC_BODY(open__not_writable, tc)
{
	struct root *root;
	struct error err;

	ATF_REQUIRE_EQ(0, root_open(&root, "root", &err));
	root_close(root);
	ATF_REQUIRE_EQ(0, chmod("root", 0500));
	ATF_CHECK_EQ(-1, root_open(&root, "root", &err));
	ATF_CHECK_EQ(EX_NOPERM, err.code);
	ATF_CHECK_EQ(0, chmod("root", 0700));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, open__makes_what_is_missing);
	ATF_TP_ADD_TC(tp, open_existing__of_each);
	ATF_TP_ADD_TC(tp, open__not_a_directory);
	ATF_TP_ADD_TC(tp, open__not_writable);
	return atf_no_error();
}
