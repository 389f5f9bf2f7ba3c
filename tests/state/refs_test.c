/* SPDX-License-Identifier: ISC */
#include "state/refs.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes `text` the standard input. */
static void
feed(const char *text)
{
	size_t len = strlen(text);
	FILE *f = fopen("input", "w");

	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE_EQ(len, fwrite(text, 1, len, f));
	ATF_REQUIRE_EQ(0, fclose(f));
	ATF_REQUIRE(freopen("input", "r", stdin) != NULL);
}

ATF_TC_WITHOUT_HEAD(read__operands_and_lines);
ATF_TC_BODY(read__operands_and_lines, tc)
{
	char web[] = "web", dash[] = "-", db[] = "db";
	char *const operands[] = { web, dash, db };
	struct strv refs = { 0 };
	struct error err = { 0 };

	feed("{\"id\":\"one\",\"x\":[]}\n{\"id\":\"two\"}");
	ATF_REQUIRE_EQ_MSG(0, refs_read(&refs, operands, 3, false, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(4, refs.n);
	ATF_CHECK_STREQ("web", refs.v[0]);
	ATF_CHECK_STREQ("one", refs.v[1]);
	ATF_CHECK_STREQ("two", refs.v[2]);
	ATF_CHECK_STREQ("db", refs.v[3]);
	strv_fini(&refs);
}

/* As -p id and -p name print them. */
ATF_TC_WITHOUT_HEAD(read__plain_lines);
ATF_TC_BODY(read__plain_lines, tc)
{
	char dash[] = "-";
	char *const operands[] = { dash };
	struct strv refs = { 0 };
	struct error err = { 0 };

	feed("web\n{\"id\":\"one\"}\n7\na.b_c-d");
	ATF_REQUIRE_EQ_MSG(0, refs_read(&refs, operands, 1, false, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(4, refs.n);
	ATF_CHECK_STREQ("web", refs.v[0]);
	ATF_CHECK_STREQ("one", refs.v[1]);
	ATF_CHECK_STREQ("7", refs.v[2]);
	ATF_CHECK_STREQ("a.b_c-d", refs.v[3]);
	strv_fini(&refs);
	feed("web db\n");
	ATF_CHECK_EQ(-1, refs_read(&refs, operands, 1, false, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	strv_fini(&refs);
}

ATF_TC_WITHOUT_HEAD(read__nothing);
ATF_TC_BODY(read__nothing, tc)
{
	char dash[] = "-";
	char name[] = "web", other[] = "db";
	char *const operands[] = { name, dash, other };
	struct strv refs = { 0 };
	struct error err;

	feed("");
	ATF_CHECK_EQ(0, refs_read(&refs, &operands[1], 1, true, &err));
	ATF_CHECK_EQ(0, refs.n);
	ATF_CHECK_EQ(-1, refs_read(&refs, &operands[1], 1, false, &err));
	ATF_CHECK_EQ(EX_USAGE, err.code);
	/* The others are named all the same. */
	ATF_CHECK_EQ(-1, refs_read(&refs, operands, 3, false, &err));
	ATF_CHECK_EQ(EX_USAGE, err.code);
	ATF_CHECK_EQ(2, refs.n);
	strv_fini(&refs);
}

ATF_TC_WITHOUT_HEAD(read__one);
ATF_TC_BODY(read__one, tc)
{
	char dash[] = "-", name[] = "web", *ref = NULL;
	struct error err;

	ATF_REQUIRE_EQ(0, refs_read_one(&ref, name, "VM", &err));
	ATF_CHECK_STREQ("web", ref);
	free(ref);
	feed("{\"id\":\"db\"}\n");
	ATF_REQUIRE_EQ(0, refs_read_one(&ref, dash, "VM", &err));
	ATF_CHECK_STREQ("db", ref);
	free(ref);
	feed("a\nb\n");
	ATF_CHECK_EQ(-1, refs_read_one(&ref, dash, "VM", &err));
	ATF_CHECK_EQ(EX_USAGE, err.code);
	ATF_CHECK_STREQ("one VM at a time", err.msg);
	feed("");
	ATF_CHECK_EQ(-1, refs_read_one(&ref, dash, "snapshot", &err));
	ATF_CHECK_EQ(EX_USAGE, err.code);
	ATF_CHECK_STREQ("no snapshot is named", err.msg);
}

ATF_TC_WITHOUT_HEAD(read__bad_lines);
ATF_TC_BODY(read__bad_lines, tc)
{
	static const struct {
		const char *text, *message;
	} table[] = {
		{ "{\"id\":\"a\"}\n[7]\n",
		    "line 2: neither a record nor an id or a name" },
		{ "{}\n", "line 1: no member \"id\"" },
		{ "{\"id\":7}\n", "line 1: \"id\" is not a string" },
		{ "{\"id\":null}\n", "line 1: \"id\" is not a string" },
		{ "\n", "line 1: neither a record nor an id or a name" },
		{ "{\"id\":\"a\"} {\"id\":\"b\"}\n",
		    "line 1: not JSON: end of file expected near '{' at "
		    "byte 12" },
	};
	char dash[] = "-";
	char *const operands[] = { dash };
	char message[256];
	struct strv refs = { 0 };
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		feed(table[i].text);
		ATF_CHECK_EQ(-1, refs_read(&refs, operands, 1, false, &err));
		snprintf(message, sizeof(message), "standard input: %s",
		    table[i].message);
		ATF_CHECK_STREQ(message, err.msg);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		strv_fini(&refs);
	}
}

ATF_TC_WITHOUT_HEAD(read__long_line);
ATF_TC_BODY(read__long_line, tc)
{
	char dash[] = "-";
	char *const operands[] = { dash };
	struct strv refs = { 0 };
	struct error err;
	char *text = malloc(REFS_LINE_MAX + 2);

	ATF_REQUIRE(text != NULL);
	memset(text, ' ', REFS_LINE_MAX + 1);
	text[REFS_LINE_MAX + 1] = '\0';
	feed(text);
	ATF_CHECK_EQ(-1, refs_read(&refs, operands, 1, false, &err));
	ATF_CHECK_STREQ("standard input: line 1: longer than 4194304 bytes",
	    err.msg);
	memcpy(text, "{\"id\":\"a\"}", 10);
	text[REFS_LINE_MAX] = '\0';
	feed(text);
	free(text);
	ATF_CHECK_EQ_MSG(0, refs_read(&refs, operands, 1, false, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(1, refs.n);
	ATF_CHECK_STREQ("a", refs.v[0]);
	strv_fini(&refs);
}

ATF_TC_WITHOUT_HEAD(read__dash_twice);
ATF_TC_BODY(read__dash_twice, tc)
{
	char dash[] = "-";
	char *const operands[] = { dash, dash };
	struct strv refs = { 0 };
	struct error err;

	feed("");
	ATF_CHECK_EQ(-1, refs_read(&refs, operands, 2, false, &err));
	ATF_CHECK_EQ(EX_USAGE, err.code);
	ATF_CHECK_STREQ("\"-\" is given twice", err.msg);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, read__operands_and_lines);
	ATF_TP_ADD_TC(tp, read__plain_lines);
	ATF_TP_ADD_TC(tp, read__nothing);
	ATF_TP_ADD_TC(tp, read__one);
	ATF_TP_ADD_TC(tp, read__bad_lines);
	ATF_TP_ADD_TC(tp, read__long_line);
	ATF_TP_ADD_TC(tp, read__dash_twice);
	return atf_no_error();
}
