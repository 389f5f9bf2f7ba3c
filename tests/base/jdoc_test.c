/* SPDX-License-Identifier: ISC */
#include "base/jdoc.h"

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct sample {
	const char *text;
	const char *message; /* NULL: it is good */
};

static const struct sample parse_rows[] = {
	{ "null", NULL },
	{ " [ 1 , -0.5e+7, \"\\u00e9\\ud83d\\ude00\" , {} ] ", NULL },
	{ "{\"a\":18446744073709551616,\"b\":{\"a\":true}}", NULL },
	{ "", "not JSON: no value at byte 0" },
	{ "{", "not JSON: no string at byte 1" },
	{ "{}x", "not JSON: text behind the value at byte 2" },
	{ "[1,]", "not JSON: no value at byte 3" },
	{ "[1 2]", "not JSON: no comma at byte 3" },
	{ "[01]", "not JSON: no comma at byte 2" },
	{ "[1.]", "not JSON: no digits at byte 3" },
	{ "[1e]", "not JSON: no digits at byte 3" },
	{ "[-]", "not JSON: no value at byte 2" },
	{ "[tru]", "not JSON: no value at byte 1" },
	{ "{\"a\" 1}", "not JSON: no colon at byte 5" },
	{ "{\"a\":1,}", "not JSON: no string at byte 7" },
	{ "{\"a\":1,\"\\u0061\":2}", "not JSON: member \"a\" a second time" },
	{ "{\"a\\u0000\":1}", "not JSON: NUL in a name at byte 10" },
	{ "\"a", "not JSON: string without end at byte 2" },
	{ "\"a\n\"", "not JSON: control character at byte 2" },
	{ "\"\\x\"", "not JSON: bad escape at byte 1" },
	{ "\"\\u12\"", "not JSON: bad escape at byte 1" },
	{ "\"\\ud800\"", "not JSON: half a pair at byte 7" },
	{ "\"\\udc00\\ud800\"", "not JSON: half a pair at byte 7" },
	{ "\"\xff\"", "not JSON: not UTF-8, or a NUL in it" },
};

ATF_TC_WITHOUT_HEAD(parse__table);
ATF_TC_BODY(parse__table, tc)
{
	const struct sample *row;
	struct error err;
	struct jdoc *d;
	char *text;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(parse_rows) / sizeof(parse_rows[0]); i++) {
		row = &parse_rows[i];
		memset(&err, 0, sizeof(err));
		rc = jdoc_parse(&d, row->text, strlen(row->text), &err);
		ATF_CHECK_EQ_MSG(row->message == NULL ? 0 : -1, rc, "%s: %s",
		    row->text, err.msg);
		if (rc == -1) {
			ATF_CHECK_STREQ(row->message, err.msg);
			ATF_CHECK_EQ(EX_DATAERR, err.code);
			continue;
		}
		/* Blanks around the value are no part of it. */
		ATF_REQUIRE_EQ(0, jdoc_text(&text, NULL, d, &err));
		ATF_CHECK(strstr(row->text, text) != NULL);
		free(text);
		jdoc_free(d);
	}
}

ATF_TC_WITHOUT_HEAD(parse__too_deep);
ATF_TC_BODY(parse__too_deep, tc)
{
	char text[2 * JSON_DEPTH_MAX + 2];
	struct error err = { 0 };
	struct jdoc *d;

	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	ATF_REQUIRE_EQ(-1, jdoc_parse(&d, text, sizeof(text), &err));
	ATF_CHECK_STREQ("JSON nested deeper than 64 levels", err.msg);
	ATF_REQUIRE_EQ(0, jdoc_parse(&d, text + 1, sizeof(text) - 2, &err));
	jdoc_free(d);
}

ATF_TC_WITHOUT_HEAD(parse__too_many);
ATF_TC_BODY(parse__too_many, tc)
{
	size_t n = 2 * JDOC_NODES_MAX, i;
	char *text = malloc(n + 1);
	struct error err = { 0 };
	struct jdoc *d;

	ATF_REQUIRE(text != NULL);
	for (i = 0; i <= n; i++)
		text[i] = i == 0 ? '[' : i == n ? ']' : i % 2 == 1 ? '7' : ',';
	ATF_CHECK_EQ(-1, jdoc_parse(&d, text, n + 1, &err));
	ATF_CHECK(strncmp(err.msg, "not JSON: too many values", 25) == 0);
	free(text);
}

static const char get_text[] =
    "{\"n\":7,\"neg\":-1,\"max\":18446744073709551615,"
    "\"big\":18446744073709551616,\"real\":1.5,\"exp\":1e2,"
    "\"s\":\"a\\u00e9\\ud83d\\ude00\\n\\/\",\"nul\":\"\\u0000\","
    "\"t\":true,\"none\":null,\"o\":{},\"a\":[1,2]}";

ATF_TC_WITHOUT_HEAD(get__table);
ATF_TC_BODY(get__table, tc)
{
	struct error err = { 0 };
	struct jdoc *d;
	uint64_t n = 0;
	uint32_t node;
	char *s = NULL, buf[16];
	bool t = false;
	size_t len;

	ATF_REQUIRE_EQ(0, jdoc_parse(&d, get_text, strlen(get_text), &err));
	ATF_CHECK_EQ(0, jdoc_get_u64(d, 1, "n", &n, 0, 7, 0, &err));
	ATF_CHECK_EQ(7, n);
	ATF_CHECK_EQ(-1, jdoc_get_u64(d, 1, "n", &n, 8, 9, 0, &err));
	ATF_CHECK_STREQ("\"n\" is 7, not within 8 and 9", err.msg);
	ATF_CHECK_EQ(-1, jdoc_get_u64(d, 1, "neg", &n, 0, 9, 0, &err));
	ATF_CHECK_STREQ("\"neg\" is -1, not within 0 and 9", err.msg);
	ATF_CHECK_EQ(0, jdoc_get_u64(d, 1, "max", &n, 0, UINT64_MAX, 0, &err));
	ATF_CHECK_EQ(UINT64_MAX, n);
	ATF_CHECK_EQ(-1, jdoc_get_u64(d, 1, "big", &n, 0, UINT64_MAX, 0, &err));
	ATF_CHECK_STREQ("\"big\" is 18446744073709551616, not within 0 and "
			"18446744073709551615",
	    err.msg);
	ATF_CHECK_EQ(-1, jdoc_get_u64(d, 1, "real", &n, 0, 9, 0, &err));
	ATF_CHECK_STREQ("\"real\" is not an integer", err.msg);
	ATF_CHECK_EQ(-1, jdoc_get_u64(d, 1, "exp", &n, 0, UINT64_MAX, 0, &err));
	ATF_CHECK_STREQ("\"exp\" is not an integer", err.msg);
	ATF_CHECK_EQ(0, jdoc_get_u64(d, 1, "none", &n, 0, 9, 0, &err));
	ATF_CHECK_EQ(-1,
	    jdoc_get_u64(d, 1, "none", &n, 0, 9, JSON_REQUIRED, &err));
	ATF_CHECK_STREQ("no member \"none\"", err.msg);
	ATF_CHECK_EQ(0, jdoc_get_strdup(d, 1, "s", &s, 20, 0, &err));
	ATF_CHECK_STREQ("a\xc3\xa9\xf0\x9f\x98\x80\n/", s);
	free(s);
	ATF_CHECK_EQ(-1, jdoc_get_strdup(d, 1, "s", &s, 4, 0, &err));
	ATF_CHECK_STREQ("\"s\" is longer than 4 bytes", err.msg);
	ATF_CHECK_EQ(-1, jdoc_get_strdup(d, 1, "nul", &s, 4, 0, &err));
	ATF_CHECK_STREQ("\"nul\" holds a NUL", err.msg);
	/* The same into a buffer: the NUL has its byte there. */
	memset(buf, 'x', sizeof(buf));
	ATF_CHECK_EQ(-1, jdoc_get_str(d, 1, "s", buf, 9, 0, &err));
	ATF_CHECK_STREQ("\"s\" is longer than 8 bytes", err.msg);
	ATF_CHECK_EQ('x', buf[0]);
	ATF_CHECK_EQ(0, jdoc_get_str(d, 1, "s", buf, 10, 0, &err));
	ATF_CHECK_STREQ("a\xc3\xa9\xf0\x9f\x98\x80\n/", buf);
	ATF_CHECK_EQ(-1, jdoc_get_str(d, 1, "n", buf, 10, 0, &err));
	ATF_CHECK_STREQ("\"n\" is not a string", err.msg);
	ATF_CHECK_EQ(0, jdoc_get_str(d, 1, "no", buf, 10, 0, &err));
	ATF_CHECK_EQ('a', buf[0]);
	s = jdoc_string(d, jdoc_member(d, 1, "nul"), &len);
	ATF_REQUIRE(s != NULL);
	ATF_CHECK(len == 1 && s[0] == '\0' && s[1] == '\0');
	free(s);
	ATF_CHECK_EQ(0, jdoc_get_bool(d, 1, "t", &t, 0, &err));
	ATF_CHECK(t);
	ATF_CHECK_EQ(-1, jdoc_get_bool(d, 1, "n", &t, 0, &err));
	ATF_CHECK_EQ(-1, jdoc_get_object(d, 1, "a", &node, 0, &err));
	ATF_CHECK_EQ(-1, jdoc_get_array(d, 1, "a", &node, 1, 0, &err));
	ATF_CHECK_STREQ("\"a\" has more than 1 entries", err.msg);
	ATF_CHECK_EQ(0, jdoc_get_array(d, 1, "a", &node, 2, 0, &err));
	ATF_CHECK_EQ(-1, jdoc_get_bool(d, node, "t", &t, 0, &err));
	ATF_CHECK_STREQ("not an object", err.msg);
	jdoc_free(d);
}

ATF_TC_WITHOUT_HEAD(put__keeps_the_rest);
ATF_TC_BODY(put__keeps_the_rest, tc)
{
	static const char text[] =
	    "{\"a\": {\"x\": 18446744073709551616, \"y\": [1.0, 2]}, "
	    "\"b\\u0041\": [ {\"k\": 1}, {\"k\": 2} ], \"c\": null}";
	struct error err = { 0 };
	uint32_t a, b;
	struct jdoc *d;
	char *out;

	ATF_REQUIRE_EQ(0, jdoc_parse(&d, text, strlen(text), &err));
	a = jdoc_member(d, JDOC_ROOT, "a");
	b = jdoc_member(d, JDOC_ROOT, "bA");
	ATF_REQUIRE(a != 0 && b != 0);
	ATF_CHECK_EQ(0, jdoc_member(d, JDOC_ROOT, "c"));
	ATF_REQUIRE_EQ(0, jdoc_put_str(d, JDOC_ROOT, "c", "q\"\\\n", &err));
	ATF_REQUIRE_EQ(0, jdoc_put_bool(d, a, "z", true, &err));
	jdoc_drop(d, jdoc_first(d, b));
	ATF_REQUIRE_EQ(0, jdoc_text(&out, NULL, d, &err));
	ATF_CHECK_STREQ("{\"a\":{\"x\":18446744073709551616,\"y\":[1.0, 2],"
			"\"z\":true},\"bA\":[{\"k\": 2}],"
			"\"c\":\"q\\\"\\\\\\u000a\"}",
	    out);
	free(out);
	jdoc_free(d);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse__table);
	ATF_TP_ADD_TC(tp, parse__too_deep);
	ATF_TP_ADD_TC(tp, parse__too_many);
	ATF_TP_ADD_TC(tp, get__table);
	ATF_TP_ADD_TC(tp, put__keeps_the_rest);
	return atf_no_error();
}
