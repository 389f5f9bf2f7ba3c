/* SPDX-License-Identifier: ISC */
#include "snapshot/working_set.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "instar working set 1\nmemory 1048576\n" /* 256 pages */

static const char good[] = HEAD "at 0\n16 4\n32 1\nat 7\n0 16\n255 1\n";

static void
put(const char *text, size_t len)
{
	int fd = open(WORKING_SET_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ((ssize_t)len, write(fd, text, len));
	close(fd);
}

ATF_TC_WITHOUT_HEAD(decode__what_is_right);
ATF_TC_BODY(decode__what_is_right, tc)
{
	struct working_set w;
	struct error err = { 0 };

	ATF_REQUIRE_EQ_MSG(0, working_set_decode(&w, good, strlen(good), &err),
	    "%s", err.msg);
	ATF_CHECK_EQ(1048576, w.memory_bytes);
	ATF_REQUIRE_EQ(4, w.n);
	ATF_CHECK_EQ(16, w.v[0].first);
	ATF_CHECK_EQ(4, w.v[0].n);
	ATF_CHECK_EQ(0, w.v[0].at_ms);
	/* Later, and before it in the memory. */
	ATF_CHECK_EQ(0, w.v[2].first);
	ATF_CHECK_EQ(7, w.v[2].at_ms);
	ATF_CHECK_EQ(22 * 4096, working_set_bytes(&w));
	working_set_fini(&w);
	ATF_CHECK_EQ(0, working_set_decode(&w, HEAD, strlen(HEAD), &err));
	ATF_CHECK_EQ(0, w.n);
	working_set_fini(&w);
}

ATF_TC_WITHOUT_HEAD(decode__what_lies);
ATF_TC_BODY(decode__what_lies, tc)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "does not begin with \"instar working set 1\"" },
		{ "instar working set 2\nmemory 4096\n",
		    "does not begin with \"instar working set 1\"" },
		{ "instar working set 1\n", "line 2: no size of memory" },
		{ "instar working set 1\nmemory 4097\n",
		    "line 2: no size of memory" },
		{ "instar working set 1\nmemory 0\n",
		    "line 2: no size of memory" },
		{ "instar working set 1\nmemory 99999999999999999999\n",
		    "line 2: no size of memory" },
		{ HEAD "at 0\n256 1\n", "line 4: beyond the memory" },
		{ HEAD "at 0\n255 2\n", "line 4: beyond the memory" },
		{ HEAD "at 0\n999999999999999 1\n",
		    "line 4: beyond the memory" },
		{ HEAD "at 0\n1 999999999999999\n",
		    "line 4: beyond the memory" },
		{ HEAD "at 0\n1 0\n", "line 4: a run of no pages" },
		{ HEAD "at 0\n9 1\n8 1\n", "line 5: out of order" },
		{ HEAD "at 0\n8 2\n9 1\n", "line 5: out of order" },
		{ HEAD "at 0\n8 2\nat 1\n9 1\n", "page 9 is in two runs" },
		{ HEAD "at 0\n8 2\nat 1\n0 256\n", "page 8 is in two runs" },
		{ HEAD "at 5\n8 2\nat 5\n", "line 5: a time out of order" },
		{ HEAD "at 5\nat 4\n", "line 4: a time out of order" },
		{ HEAD "at 86400001\n", "line 3: a time out of order" },
		{ HEAD "8 2\n", "line 3: a run without a time" },
		{ HEAD "at 0\n08 2\n", "line 4: neither a run nor a time" },
		{ HEAD "at 0\n8  2\n", "line 4: neither a run nor a time" },
		{ HEAD "at 0\n8 2 \n", "line 4: neither a run nor a time" },
		{ HEAD "at 0\n-8 2\n", "line 4: neither a run nor a time" },
		{ HEAD "at 0\n8\n", "line 4: neither a run nor a time" },
		{ HEAD "at 0\n\n", "line 4: neither a run nor a time" },
		{ HEAD "at 0\n8 2", "ends within line 4" },
		{ HEAD "at 0\r\n8 2\n", "line 3: neither a run nor a time" },
	};
	struct working_set w;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1,
		    working_set_decode(&w, bad[i].text, strlen(bad[i].text),
			&err),
		    "%s", bad[i].text);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ(bad[i].why, err.msg);
	}
	/* A NUL is no digit, and no end. */
	ATF_CHECK_EQ(-1,
	    working_set_decode(&w, HEAD "at 0\0\n", strlen(HEAD) + 6, &err));
}

ATF_TC_WITHOUT_HEAD(decode__endless);
ATF_TC_BODY(decode__endless, tc)
{
	size_t cap = (WORKING_SET_RUNS_MAX + 1) * 16 + 128, len, i;
	char *text = malloc(cap);
	struct error err = { 0 };
	struct working_set w;

	ATF_REQUIRE(text != NULL);
	len = (size_t)snprintf(text, cap,
	    "instar working set 1\nmemory 1073741824\nat 0\n");
	for (i = 0; i <= WORKING_SET_RUNS_MAX; i++)
		len += (size_t)snprintf(text + len, cap - len, "%zu 1\n",
		    2 * i);
	ATF_CHECK_EQ(-1, working_set_decode(&w, text, len, &err));
	ATF_CHECK_STREQ("line 16388: too many runs", err.msg);
	free(text);
}

ATF_TC_WITHOUT_HEAD(encode__and_back);
ATF_TC_BODY(encode__and_back, tc)
{
	struct error err = { 0 };
	struct working_set w, many = { .memory_bytes = UINT64_C(8) << 40 };
	size_t len, i;
	char *text;

	ATF_REQUIRE_EQ(0, working_set_decode(&w, good, strlen(good), &err));
	ATF_REQUIRE_EQ(0, working_set_encode(&text, &len, &w, &err));
	ATF_CHECK_EQ(strlen(good), len);
	ATF_CHECK_STREQ(good, text);
	free(text);
	working_set_fini(&w);
	/* The largest that there can be is within its bound. */
	many.n = WORKING_SET_RUNS_MAX + 5;
	many.v = calloc(many.n, sizeof(*many.v));
	ATF_REQUIRE(many.v != NULL);
	for (i = 0; i < many.n; i++)
		many.v[i] = (struct page_run){ 2147000000 + i, 1,
			WORKING_SET_MS_MAX - many.n + i };
	ATF_REQUIRE_EQ(0, working_set_encode(&text, &len, &many, &err));
	ATF_CHECK(len < WORKING_SET_BYTES_MAX);
	ATF_CHECK_EQ_MSG(0, working_set_decode(&w, text, len, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(WORKING_SET_RUNS_MAX, w.n);
	working_set_fini(&w);
	working_set_fini(&many);
	free(text);
}

ATF_TC_WITHOUT_HEAD(read__of_a_directory);
ATF_TC_BODY(read__of_a_directory, tc)
{
	static char large[WORKING_SET_BYTES_MAX + 1];
	struct error err = { 0 };
	struct working_set w;

	ATF_CHECK_EQ(-1, working_set_read(&w, AT_FDCWD, 1048576, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	put(good, strlen(good));
	ATF_REQUIRE_EQ(0, working_set_read(&w, AT_FDCWD, 1048576, &err));
	ATF_CHECK_EQ(0, working_set_write(AT_FDCWD, &w, &err));
	working_set_fini(&w);
	ATF_REQUIRE_EQ(0, working_set_read(&w, AT_FDCWD, 1048576, &err));
	working_set_fini(&w);
	ATF_CHECK_EQ(-1, working_set_read(&w, AT_FDCWD, 2097152, &err));
	ATF_CHECK_STREQ(
	    "working-set: of a memory of 1048576 bytes, not 2097152", err.msg);
	put(large, sizeof(large));
	ATF_CHECK_EQ(-1, working_set_read(&w, AT_FDCWD, 1048576, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	/* Neither a pipe, on which one would wait, nor what a link leads to. */
	ATF_REQUIRE_EQ(0, unlink(WORKING_SET_NAME));
	ATF_REQUIRE_EQ(0, mkfifo(WORKING_SET_NAME, 0600));
	ATF_CHECK_EQ(-1, working_set_read(&w, AT_FDCWD, 1048576, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_REQUIRE_EQ(0, unlink(WORKING_SET_NAME));
	ATF_REQUIRE_EQ(0, symlink("elsewhere", WORKING_SET_NAME));
	ATF_CHECK_EQ(-1, working_set_read(&w, AT_FDCWD, 1048576, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__what_is_right);
	ATF_TP_ADD_TC(tp, decode__what_lies);
	ATF_TP_ADD_TC(tp, decode__endless);
	ATF_TP_ADD_TC(tp, encode__and_back);
	ATF_TP_ADD_TC(tp, read__of_a_directory);
	return atf_no_error();
}
