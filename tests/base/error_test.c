/* SPDX-License-Identifier: ISC */
#include "base/error.h"

#include <atf-c.h>
#include <errno.h>
#include <string.h>

ATF_TC_WITHOUT_HEAD(words);
ATF_TC_BODY(words, tc)
{
	struct error err = { 0 };

	ATF_CHECK_EQ(-1, error_set(&err, EX_DATAERR, "at byte %d", 7));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_EQ(0, err.sys);
	ATF_CHECK_STREQ("at byte 7", err.msg);
	ATF_CHECK_EQ(-1, error_wrap(&err, "%s", "x.raw"));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("x.raw: at byte 7", err.msg);

	ATF_CHECK_EQ(-1, error_nomem(&err, NULL));
	ATF_CHECK_EQ(EX_OSERR, err.code);
	ATF_CHECK_STREQ("out of memory", err.msg);
	ATF_CHECK_EQ(-1, error_nomem(&err, "disk %s"));
	ATF_CHECK_STREQ("disk %s: out of memory", err.msg);

	errno = ENOENT;
	ATF_CHECK_EQ(-1, error_sys(&err, EX_NOINPUT, "x.raw"));
	ATF_CHECK_EQ(ENOENT, err.sys);
	ATF_CHECK_STREQ("x.raw: No such file or directory", err.msg);

	/* Nobody listens. */
	ATF_CHECK_EQ(-1, error_set(NULL, EX_DATAERR, "lost"));
	ATF_CHECK_EQ(-1, error_wrap(NULL, "lost"));
	ATF_CHECK_EQ(-1, error_nomem(NULL, "lost"));
}

ATF_TC_WITHOUT_HEAD(stays_one_line);
ATF_TC_BODY(stays_one_line, tc)
{
	struct error err = { 0 };
	char longer[2 * ERROR_MSG_MAX];

	error_set(&err, EX_DATAERR, "a\nb\tc\x7f");
	ATF_CHECK_STREQ("a?b?c?", err.msg);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	error_nomem(&err, longer);
	ATF_CHECK_EQ(ERROR_MSG_MAX - 1, strlen(err.msg));
	error_wrap(&err, "w");
	ATF_CHECK_EQ(ERROR_MSG_MAX - 1, strlen(err.msg));
	ATF_CHECK_EQ(0, strncmp(err.msg, "w: xxx", 6));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, words);
	ATF_TP_ADD_TC(tp, stays_one_line);
	return atf_no_error();
}
