/* SPDX-License-Identifier: ISC */
/* What the text of one file says; login_find_test.c has the files. */
#include "registry/login.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "r.example:5000"
#define NAME "team/app"
/* USER:PASSWORD of "joe:p:w" and of others. */
#define JOE "am9lOnA6dw=="
#define ANN "YW5uOnB3"
#define AUTH(key, pair) "\"" key "\":{\"auth\":\"" pair "\"}"
#define AUTHS(list) "{\"auths\":{" list "}}"

static const struct {
	const char *text;
	enum login_kind kind;
	const char *user, *secret, *helper; /* NULL: none */
} good[] = {
	{ "{}", LOGIN_NONE, NULL, NULL, NULL },
	{ "{\"auths\":{},\"credHelpers\":{},\"credsStore\":\"\"}", LOGIN_NONE,
	    NULL, NULL, NULL },
	{ "{\"auths\":null,\"HttpHeaders\":{\"User-Agent\":\"x\"}}", LOGIN_NONE,
	    NULL, NULL, NULL },
	{ AUTHS(AUTH(HOST, JOE)), LOGIN_PASSWORD, "joe", "p:w", NULL },
	{ AUTHS(AUTH("r.example", JOE)), LOGIN_NONE, NULL, NULL, NULL },
	{ AUTHS(AUTH("r.example:500", JOE)), LOGIN_NONE, NULL, NULL, NULL },
	{ AUTHS(AUTH("R.example:5000", JOE)), LOGIN_NONE, NULL, NULL, NULL },
	{ AUTHS(AUTH("x" HOST, JOE)), LOGIN_NONE, NULL, NULL, NULL },
	/* The longest key first, wherever it stands. */
	{ AUTHS(AUTH(HOST, JOE) "," AUTH(HOST "/team", ANN)), LOGIN_PASSWORD,
	    "ann", "pw", NULL },
	{ AUTHS(AUTH(HOST "/team/app", ANN) "," AUTH(HOST "/team", JOE)),
	    LOGIN_PASSWORD, "ann", "pw", NULL },
	{ AUTHS(AUTH(HOST "/team/app/x", ANN) "," AUTH(HOST "/te",
	      ANN) "," AUTH(HOST "/", ANN) "," AUTH(HOST, JOE)),
	    LOGIN_PASSWORD, "joe", "p:w", NULL },
	{ AUTHS(AUTH(HOST "/other", ANN)), LOGIN_NONE, NULL, NULL, NULL },
	/* Keys as URLs come after that. */
	{ AUTHS(AUTH("https://" HOST "/v1/", ANN) "," AUTH(HOST, JOE)),
	    LOGIN_PASSWORD, "joe", "p:w", NULL },
	{ AUTHS(AUTH("https://" HOST "/v1/", ANN)), LOGIN_PASSWORD, "ann", "pw",
	    NULL },
	{ AUTHS(AUTH("https://" HOST "/v2/", ANN)), LOGIN_PASSWORD, "ann", "pw",
	    NULL },
	{ AUTHS(AUTH("http://" HOST, ANN)), LOGIN_PASSWORD, "ann", "pw", NULL },
	{ AUTHS(AUTH("https://" HOST "0/", ANN)), LOGIN_NONE, NULL, NULL,
	    NULL },
	{ AUTHS(AUTH("https://x/" HOST, ANN)), LOGIN_NONE, NULL, NULL, NULL },
	{ AUTHS(AUTH("ftp://" HOST "/", ANN)), LOGIN_NONE, NULL, NULL, NULL },
	/* One without a login is none, and does not hide others. */
	{ AUTHS("\"" HOST "\":{}"), LOGIN_NONE, NULL, NULL, NULL },
	{ AUTHS("\"" HOST "\":{\"auth\":\"\",\"email\":1}"), LOGIN_NONE, NULL,
	    NULL, NULL },
	{ AUTHS("\"" HOST "/team\":{}," AUTH(HOST, JOE)), LOGIN_PASSWORD, "joe",
	    "p:w", NULL },
	/* Other forms of a login. */
	{ AUTHS("\"" HOST "\":{\"username\":\"joe\",\"password\":\"a\\nb\"}"),
	    LOGIN_PASSWORD, "joe", "a\nb", NULL },
	{ AUTHS("\"" HOST "\":{\"auth\":\"" JOE
		"\",\"username\":\"x\",\"password\":\"y\"}"),
	    LOGIN_PASSWORD, "joe", "p:w", NULL },
	{ AUTHS("\"" HOST "\":{\"auth\":\"MDAwOg==\","
		"\"identitytoken\":\"t0\"}"),
	    LOGIN_IDENTITY, NULL, "t0", NULL },
	/* "joe:pw" and two NULs. */
	{ AUTHS(AUTH(HOST, "am9lOnB3AAA=")), LOGIN_PASSWORD, "joe", "pw",
	    NULL },
	/* Programs. */
	{ "{\"credHelpers\":{\"" HOST "\":\"pass\"},\"credsStore\":\"x\"}",
	    LOGIN_NONE, NULL, NULL, "pass" },
	{ "{\"credHelpers\":{\"" HOST "\":\"pass\"}," AUTH("auths", "") "}",
	    LOGIN_NONE, NULL, NULL, "pass" },
	{ "{\"credHelpers\":{\"" HOST
	  "\":\"pass\"},\"auths\":{" AUTH(HOST, JOE) "}}",
	    LOGIN_NONE, NULL, NULL, "pass" },
	{ "{\"credHelpers\":{\"r.example\":\"pass\"},\"credsStore\":\"x y\"}",
	    LOGIN_NONE, NULL, NULL, "x y" },
	{ "{\"credsStore\":\"x\",\"auths\":{\"" HOST "\":{}}}", LOGIN_NONE,
	    NULL, NULL, "x" },
	{ "{\"credsStore\":\"x\",\"auths\":{" AUTH(HOST, JOE) "}}",
	    LOGIN_PASSWORD, "joe", "p:w", NULL },
	{ "{\"credsStore\":\"x\",\"credHelpers\":{\"" HOST "\":\"\"}}",
	    LOGIN_NONE, NULL, NULL, NULL },
	{ "{\"credsStore\":\"x\",\"credHelpers\":{\"" HOST
	  "\":\"\"},\"auths\":{" AUTH(HOST, JOE) "}}",
	    LOGIN_PASSWORD, "joe", "p:w", NULL },
	/* What is wrong elsewhere is nobody's business here. */
	{ AUTHS(AUTH("other", "!") ",\"more\":1," AUTH(HOST, JOE)),
	    LOGIN_PASSWORD, "joe", "p:w", NULL },
};

static void
check_text(const char *what, const char *want, const char *got)
{
	ATF_CHECK_EQ_MSG(want == NULL, got == NULL, "%s", what);
	if (want != NULL && got != NULL)
		ATF_CHECK_STREQ_MSG(want, got, "%s", what);
}

ATF_TC_WITHOUT_HEAD(file__good);
ATF_TC_BODY(file__good, tc)
{
	char helper[PATH_NAME_MAX + 1];
	struct login login = { 0 };
	struct error err = { 0 };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ATF_CHECK_EQ_MSG(0,
		    login_decode_file(&login, helper, good[i].text,
			strlen(good[i].text), HOST, NAME, &err),
		    "%s: %s", good[i].text, err.msg);
		ATF_CHECK_EQ_MSG(good[i].kind, login.kind, "%s", good[i].text);
		check_text(good[i].text, good[i].user, login.user);
		check_text(good[i].text, good[i].secret, login.secret);
		ATF_CHECK_STREQ(good[i].helper == NULL ? "" : good[i].helper,
		    helper);
		login_fini(&login);
		ATF_CHECK(login.secret == NULL && login.user == NULL);
	}
}

#define ENTRY(text) AUTHS("\"" HOST "\":" text)
#define IN_ENTRY "\"auths\": \"" HOST "\": "

static const struct {
	const char *text, *message;
} bad[] = {
	{ "", "not JSON: " },
	{ "{", "not JSON: " },
	{ "{\"auths\":{}}x", "not JSON: " },
	{ "{\"auths\":{},\"auths\":{}}", "not JSON: " },
	{ "[]", "not an object" },
	{ "{\"auths\":[]}", "\"auths\" is not an object" },
	{ "{\"credHelpers\":1}", "\"credHelpers\" is not an object" },
	{ "{\"credsStore\":1}", "\"credsStore\" is not a string" },
	{ "{\"credsStore\":\"a/b\"}",
	    "\"credsStore\": a/b: no name of a program" },
	{ "{\"credsStore\":\"../b\"}",
	    "\"credsStore\": ../b: no name of a program" },
	{ "{\"credsStore\":\"..\"}",
	    "\"credsStore\": ..: no name of a program" },
	{ "{\"credsStore\":\"a\\u0000b\"}", "\"credsStore\" holds a NUL" },
	{ "{\"credsStore\":\"a\\nb\"}",
	    "\"credsStore\": a?b: no name of a program" },
	{ "{\"credHelpers\":{\"" HOST "\":\"/bin/sh\"}}",
	    "\"credHelpers\": \"" HOST "\": /bin/sh: no name of a program" },
	{ "{\"credHelpers\":{\"" HOST "\":{}}}",
	    "\"credHelpers\": \"" HOST "\" is not a string" },
	{ ENTRY("\"" JOE "\""), IN_ENTRY "not an object" },
	{ ENTRY("{\"auth\":1}"), IN_ENTRY "\"auth\" is not a string" },
	{ ENTRY("{\"auth\":\"x\"}"),
	    IN_ENTRY "\"auth\" is no name and password" },
	{ ENTRY("{\"auth\":\"am9lOnA6dw\"}"),
	    IN_ENTRY "\"auth\" is no name and password" },
	{ ENTRY("{\"auth\":\" am9lOnA6dw==\"}"),
	    IN_ENTRY "\"auth\" is no name and password" },
	/* "joe", ":pw", "j\0e:pw", "j\ne:pw". */
	{ ENTRY("{\"auth\":\"am9l\"}"),
	    IN_ENTRY "\"auth\" is no name and password" },
	{ ENTRY("{\"auth\":\"am9lOg==\"}"),
	    IN_ENTRY "\"auth\" is no name and password" },
	{ ENTRY("{\"auth\":\"OnB3\"}"),
	    IN_ENTRY "\"auth\" is no name and password" },
	{ ENTRY("{\"auth\":\"agBlOnB3\"}"),
	    IN_ENTRY "\"auth\" is no name and password" },
	{ ENTRY("{\"auth\":\"agplOnB3\"}"),
	    IN_ENTRY "\"auth\" is no name and password" },
	{ ENTRY("{\"auth\":\"" JOE "\\u0000\"}"),
	    IN_ENTRY "\"auth\" holds a "
		     "NUL" },
	{ ENTRY("{\"identitytoken\":[]}"),
	    IN_ENTRY "\"identitytoken\" is not a string" },
	{ ENTRY("{\"username\":\"joe\"}"),
	    IN_ENTRY "\"username\" is no name and password" },
	{ ENTRY("{\"password\":\"x\"}"),
	    IN_ENTRY "\"username\" is no name and password" },
	{ ENTRY("{\"username\":\"j:e\",\"password\":\"x\"}"),
	    IN_ENTRY "\"username\" is no name and password" },
	{ AUTHS("\"https://" HOST "/v1/\":{\"auth\":\"x\"}"),
	    "\"auths\": \"https://" HOST
	    "/v1/\": \"auth\" is no name and password" },
	{ AUTHS("\"" HOST "/team\":{\"auth\":\"x\"}," AUTH(HOST, JOE)),
	    "\"auths\": \"" HOST "/team\": \"auth\" is no name and password" },
};

ATF_TC_WITHOUT_HEAD(file__bad);
ATF_TC_BODY(file__bad, tc)
{
	char helper[PATH_NAME_MAX + 1];
	struct login login = { 0 };
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1,
		    login_decode_file(&login, helper, bad[i].text,
			strlen(bad[i].text), HOST, NAME, &err),
		    "%s", bad[i].text);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_MSG(strncmp(bad[i].message, err.msg,
				  strlen(bad[i].message)) == 0,
		    "%s: %s", bad[i].text, err.msg);
		ATF_CHECK(strstr(err.msg, JOE) == NULL);
		ATF_CHECK_EQ(LOGIN_NONE, login.kind);
		login_fini(&login);
	}
}

/* A password of `n` letters, and a name of `users`. */
static int
decode_long(size_t users, size_t n, struct error *err)
{
	char helper[PATH_NAME_MAX + 1], *text = malloc(users + n + 100);
	struct login login = { 0 };
	int rc, len;

	ATF_REQUIRE(text != NULL);
	len = sprintf(text,
	    "{\"auths\":{\"h\":{\"username\":\"%0*d\",\"password\":\"%0*d\"}}}",
	    (int)users, 0, (int)n, 0);
	memset(err, 0, sizeof(*err));
	rc = login_decode_file(&login, helper, text, (size_t)len, "h", "n",
	    err);
	login_fini(&login);
	free(text);
	return rc;
}

ATF_TC_WITHOUT_HEAD(file__bounds);
ATF_TC_BODY(file__bounds, tc)
{
	struct error err;

	ATF_CHECK_EQ(0, decode_long(LOGIN_USER_MAX, LOGIN_SECRET_MAX, &err));
	ATF_CHECK_EQ(-1, decode_long(LOGIN_USER_MAX + 1, 1, &err));
	ATF_CHECK_STREQ("\"auths\": \"h\": \"username\" is longer than 255 "
			"bytes",
	    err.msg);
	ATF_CHECK_EQ(-1, decode_long(1, LOGIN_SECRET_MAX + 1, &err));
	ATF_CHECK_STREQ("\"auths\": \"h\": \"password\" is longer than 16384 "
			"bytes",
	    err.msg);
}

static const struct {
	const char *text;
	enum login_kind kind;
	const char *user, *secret, *message; /* NULL: it is good */
} replies[] = {
	{ "{\"ServerURL\":\"h\",\"Username\":\"joe\",\"Secret\":\"a:b\"}\n",
	    LOGIN_PASSWORD, "joe", "a:b", NULL },
	{ "{\"Username\":\"<token>\",\"Secret\":\"t\"}", LOGIN_IDENTITY, NULL,
	    "t", NULL },
	{ "{\"Username\":\"\",\"Secret\":\"\"}", LOGIN_NONE, NULL, NULL, NULL },
	{ "{}", LOGIN_NONE, NULL, NULL, NULL },
	{ "", LOGIN_NONE, NULL, NULL, "not JSON: " },
	{ "joe hunter2", LOGIN_NONE, NULL, NULL, "not JSON: " },
	{ "[\"hunter2\"]", LOGIN_NONE, NULL, NULL, "not an object" },
	{ "{\"Username\":\"joe\"}", LOGIN_NONE, NULL, NULL,
	    "\"Username\" is no name and password" },
	{ "{\"Secret\":\"hunter2\"}", LOGIN_NONE, NULL, NULL,
	    "\"Username\" is no name and password" },
	{ "{\"Username\":\"<token>\",\"Secret\":\"\"}", LOGIN_NONE, NULL, NULL,
	    "\"Username\" is no name and password" },
	{ "{\"Username\":\"a:b\",\"Secret\":\"hunter2\"}", LOGIN_NONE, NULL,
	    NULL, "\"Username\" is no name and password" },
	{ "{\"Username\":1,\"Secret\":\"hunter2\"}", LOGIN_NONE, NULL, NULL,
	    "\"Username\" is not a string" },
	{ "{\"Username\":\"a\",\"Secret\":[\"hunter2\"]}", LOGIN_NONE, NULL,
	    NULL, "\"Secret\" is not a string" },
	{ "{\"Username\":\"a\",\"Secret\":\"hunter2\\u0000\"}", LOGIN_NONE,
	    NULL, NULL, "\"Secret\" holds a NUL" },
};

ATF_TC_WITHOUT_HEAD(reply__table);
ATF_TC_BODY(reply__table, tc)
{
	struct login login = { 0 };
	struct error err;
	const char *want;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		memset(&err, 0, sizeof(err));
		want = replies[i].message;
		rc = login_decode_reply(&login, replies[i].text,
		    strlen(replies[i].text), &err);
		ATF_CHECK_EQ_MSG(want == NULL ? 0 : -1, rc, "%s",
		    replies[i].text);
		ATF_CHECK_EQ(rc == 0 ? 0 : EX_DATAERR, err.code);
		if (want != NULL)
			ATF_CHECK_MSG(strncmp(want, err.msg, strlen(want)) == 0,
			    "%s: %s", replies[i].text, err.msg);
		ATF_CHECK(strstr(err.msg, "hunter2") == NULL);
		ATF_CHECK_EQ(replies[i].kind, login.kind);
		check_text(replies[i].text, replies[i].user, login.user);
		check_text(replies[i].text, replies[i].secret, login.secret);
		login_fini(&login);
	}
}

/* RFC 7617, section 2. */
ATF_TC_WITHOUT_HEAD(basic__vectors);
ATF_TC_BODY(basic__vectors, tc)
{
	char user[] = "Aladdin", secret[] = "open sesame";
	struct login login = { .kind = LOGIN_PASSWORD,
		.user = user,
		.secret = secret };
	char *text = NULL;

	ATF_REQUIRE_EQ(0, login_basic(&text, &login, NULL));
	ATF_CHECK_STREQ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", text);
	free(text);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, file__good);
	ATF_TP_ADD_TC(tp, file__bad);
	ATF_TP_ADD_TC(tp, file__bounds);
	ATF_TP_ADD_TC(tp, reply__table);
	ATF_TP_ADD_TC(tp, basic__vectors);
	return atf_no_error();
}
