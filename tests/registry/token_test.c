/* SPDX-License-Identifier: ISC */
#include "registry/token.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char user[] = "joe", secret[] = "p:w\n&", identity[] = "id+/=&x";

/* What is asked for, by login and challenge. */
static const struct {
	const char *realm, *service;
	enum login_kind kind;
	bool is_push, is_plain;
	const char *url, *form; /* NULL: a GET */
} good[] = {
	{ "https://a/token", "r.example", LOGIN_NONE, false, false,
	    "https://a/token?service=r.example&scope=repository%3An%2Fm%3Apull",
	    NULL },
	{ "https://a:8443/token", "R &x", LOGIN_PASSWORD, true, false,
	    "https://a:8443/token?service=R%20%26x&"
	    "scope=repository%3An%2Fm%3Apull%2Cpush",
	    NULL },
	{ "https://a", "", LOGIN_PASSWORD, false, false,
	    "https://a?scope=repository%3An%2Fm%3Apull", NULL },
	{ "https://[::1]:1/t?a=b", "s", LOGIN_PASSWORD, false, false,
	    "https://[::1]:1/t?a=b&service=s&scope=repository%3An%2Fm%3Apull",
	    NULL },
	{ "http://a/t", "\xc3\xa4", LOGIN_NONE, false, true,
	    "http://a/t?service=%C3%A4&scope=repository%3An%2Fm%3Apull", NULL },
	{ "https://a/t", "s", LOGIN_PASSWORD, false, true,
	    "https://a/t?service=s&scope=repository%3An%2Fm%3Apull", NULL },
	{ "https://a/t", "s&", LOGIN_IDENTITY, true, false, "https://a/t",
	    "grant_type=refresh_token&service=s%26&client_id=instar&"
	    "scope=repository%3An%2Fm%3Apull%2Cpush&"
	    "refresh_token=id%2B%2F%3D%26x" },
};

static struct login
login_of(enum login_kind kind)
{
	struct login login = { .kind = kind };

	if (kind == LOGIN_PASSWORD)
		login.user = user;
	if (kind != LOGIN_NONE)
		login.secret = kind == LOGIN_PASSWORD ? secret : identity;
	return login;
}

static struct challenge
challenge_of(const char *realm, const char *service)
{
	struct challenge c;

	memset(&c, 0, sizeof(c));
	c.has_bearer = true;
	snprintf(c.realm, sizeof(c.realm), "%s", realm);
	snprintf(c.service, sizeof(c.service), "%s", service);
	return c;
}

ATF_TC_WITHOUT_HEAD(request__good);
ATF_TC_BODY(request__good, tc)
{
	struct token_request r = { 0 };
	struct token_scope scope = { .name = "n/m" };
	struct error err = { 0 };
	struct challenge c;
	struct login login;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		c = challenge_of(good[i].realm, good[i].service);
		login = login_of(good[i].kind);
		scope.is_push = good[i].is_push;
		ATF_REQUIRE_EQ_MSG(0,
		    token_request_make(&r, &c, &login, &scope, 1,
			good[i].is_plain, &err),
		    "%s", err.msg);
		ATF_CHECK_STREQ(good[i].url, r.url);
		if (good[i].form == NULL)
			ATF_CHECK(r.form == NULL);
		else
			ATF_CHECK_STREQ(good[i].form, r.form);
		ATF_CHECK_EQ(good[i].kind == LOGIN_PASSWORD, r.with_login);
		token_request_fini(&r);
	}
}

/* A mount reads from a second repository. */
ATF_TC_WITHOUT_HEAD(request__several_scopes);
ATF_TC_BODY(request__several_scopes, tc)
{
	static const struct token_scope scopes[] = { { "a", true },
		{ "b", false } };
	struct challenge c = challenge_of("https://h/t", "s");
	struct login login = login_of(LOGIN_NONE);
	struct token_request r = { 0 };

	ATF_REQUIRE_EQ(0,
	    token_request_make(&r, &c, &login, scopes, 2, false, NULL));
	ATF_CHECK_STREQ("https://h/t?service=s&scope=repository%3Aa%3Apull"
			"%2Cpush&scope=repository%3Ab%3Apull",
	    r.url);
	token_request_fini(&r);
	login = login_of(LOGIN_IDENTITY);
	ATF_REQUIRE_EQ(0,
	    token_request_make(&r, &c, &login, scopes, 2, false, NULL));
	ATF_CHECK_STREQ("grant_type=refresh_token&service=s&client_id=instar&"
			"scope=repository%3Aa%3Apull%2Cpush%20repository%3Ab%3A"
			"pull&refresh_token=id%2B%2F%3D%26x",
	    r.form);
	token_request_fini(&r);
}

#define NO_URL ": no URL that a token can be asked of"
#define NO_HTTPS ": not https, as the registry is"

static const struct {
	const char *realm, *message;
	bool is_plain;
} bad[] = {
	{ "", NO_URL, false },
	{ "x", NO_URL, false },
	{ "/token", NO_URL, false },
	{ "//a/token", NO_URL, false },
	{ "https:", NO_URL, false },
	{ "https://", NO_URL, false },
	{ "https:///token", NO_URL, false },
	{ "HTTPS://a/token", NO_URL, false },
	{ "https://u@a/token", NO_URL, false },
	{ "https://u:p@a/token", NO_URL, false },
	{ "https://a\\@b/token", NO_URL, false },
	{ "https://a b/token", NO_URL, false },
	{ "https://a/to ken", NO_URL, false },
	{ "https://a/token#x", NO_URL, false },
	{ "https://a#x", NO_URL, false },
	{ "https://a/\"", NO_URL, false },
	{ "https://a/\xc3\xa4", NO_URL, false },
	{ "https://\xc3\xa4/", NO_URL, false },
	{ "https://a%2fb/", NO_URL, false },
	{ "file:///etc/passwd", NO_URL, true },
	{ "ftp://a/token", NO_URL, true },
	{ "http://a/token", NO_HTTPS, false },
	{ "http://127.0.0.1:1/token", NO_HTTPS, false },
};

ATF_TC_WITHOUT_HEAD(request__bad);
ATF_TC_BODY(request__bad, tc)
{
	struct token_scope scope = { .name = "n" };
	struct login login = login_of(LOGIN_PASSWORD);
	struct token_request r = { 0 };
	struct challenge c;
	struct error err;
	char want[128];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		c = challenge_of(bad[i].realm, "s");
		ATF_CHECK_EQ_MSG(-1,
		    token_request_make(&r, &c, &login, &scope, 1,
			bad[i].is_plain, &err),
		    "%s", bad[i].realm);
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		snprintf(want, sizeof(want), "realm %s%s", bad[i].realm,
		    bad[i].message);
		ATF_CHECK_STREQ(want, err.msg);
		ATF_CHECK(r.url == NULL && r.form == NULL);
	}
}

static const struct {
	const char *reply, *bearer, *message;
	int64_t good_ms;
} replies[] = {
	{ "{\"token\":\"abc.d-_~+/=\"}", "Bearer abc.d-_~+/=", "", 60000 },
	{ "{\"access_token\":\"x\",\"expires_in\":300,"
	  "\"issued_at\":\"2026-11-30T00:00:00Z\"}",
	    "Bearer x", "", 300000 },
	{ "{\"token\":\"a\",\"access_token\":\"b\",\"expires_in\":0}",
	    "Bearer a", "", 60000 },
	{ "{\"token\":\"\",\"access_token\":\"b\",\"scope\":\"\"}", "Bearer b",
	    "", 60000 },
	{ "{\"token\":null,\"access_token\":\"b\"}", "Bearer b", "", 60000 },
	{ "{\"token\":\"a\",\"issued_at\":\"no time\"}", "Bearer a", "",
	    60000 },
	{ "{\"token\":\"a\",\"expires_in\":31536000}", "Bearer a", "",
	    INT64_C(31536000000) },
	{ "", NULL, "not JSON: ", 0 },
	{ "<html>", NULL, "not JSON: ", 0 },
	{ "{\"token\":\"a\"} x", NULL, "not JSON: ", 0 },
	{ "[]", NULL, "not an object", 0 },
	{ "\"token\"", NULL, "not an object", 0 },
	{ "{}", NULL, "no \"token\"", 0 },
	{ "{\"errors\":[{\"code\":\"DENIED\"}]}", NULL, "no \"token\"", 0 },
	{ "{\"token\":\"\"}", NULL, "no \"token\"", 0 },
	{ "{\"token\":1}", NULL, "\"token\" is not a string", 0 },
	{ "{\"access_token\":[\"a\"]}", NULL,
	    "\"access_token\" is not a string", 0 },
	{ "{\"token\":\"a b\"}", NULL, "\"token\" has what no header can have",
	    0 },
	{ "{\"token\":\"a\\r\\nX: y\"}", NULL,
	    "\"token\" has what no header can have", 0 },
	{ "{\"token\":\"a\\u0000\"}", NULL,
	    "\"token\" has what no header can have", 0 },
	{ "{\"token\":\"\\u00e4\"}", NULL,
	    "\"token\" has what no header can have", 0 },
	{ "{\"token\":\"a\\u007f\"}", NULL,
	    "\"token\" has what no header can have", 0 },
	{ "{\"token\":\"a\",\"token\":\"b\"}", NULL, "not JSON: ", 0 },
	{ "{\"token\":\"a\",\"expires_in\":-1}", NULL,
	    "\"expires_in\" is -1, not within 0 and 31536000", 0 },
	{ "{\"token\":\"a\",\"expires_in\":31536001}", NULL,
	    "\"expires_in\" is 31536001, not within 0 and 31536000", 0 },
	{ "{\"token\":\"a\",\"expires_in\":\"300\"}", NULL,
	    "\"expires_in\" is not an integer", 0 },
	{ "{\"token\":\"a\",\"expires_in\":1e3}", NULL,
	    "\"expires_in\" is not an integer", 0 },
};

ATF_TC_WITHOUT_HEAD(reply__table);
ATF_TC_BODY(reply__table, tc)
{
	struct token token;
	struct error err;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		memset(&token, 0, sizeof(token));
		memset(&err, 0, sizeof(err));
		rc = token_decode(&token, replies[i].reply,
		    strlen(replies[i].reply), &err);
		ATF_CHECK_EQ_MSG(replies[i].bearer == NULL ? -1 : 0, rc,
		    "%s: %s", replies[i].reply, err.msg);
		ATF_CHECK_MSG(strncmp(replies[i].message, err.msg,
				  strlen(replies[i].message)) == 0,
		    "%s: %s", replies[i].reply, err.msg);
		ATF_CHECK_EQ(replies[i].good_ms, token.good_ms);
		if (rc == 0)
			ATF_CHECK_STREQ(replies[i].bearer, token.bearer);
		else
			ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		token_fini(&token);
		ATF_CHECK(token.bearer == NULL);
	}
}

ATF_TC_WITHOUT_HEAD(reply__bounds);
ATF_TC_BODY(reply__bounds, tc)
{
	static const char head[] = "{\"token\":\"";
	char *text = malloc(TOKEN_REPLY_MAX + 1);
	struct token token = { 0 };
	struct error err = { 0 };
	size_t len, i;

	ATF_REQUIRE(text != NULL);
	for (i = 0; i <= 1; i++) {
		len = sizeof(head) - 1;
		memcpy(text, head, len);
		memset(text + len, 'a', TOKEN_MAX + i);
		len += TOKEN_MAX + i;
		memcpy(text + len, "\"}", 2);
		ATF_CHECK_EQ(i == 0 ? 0 : -1,
		    token_decode(&token, text, len + 2, &err));
	}
	ATF_CHECK_STREQ("\"token\" is longer than 16384 bytes", err.msg);
	ATF_CHECK_EQ(strlen("Bearer ") + TOKEN_MAX, strlen(token.bearer));
	token_fini(&token);
	memset(text, ' ', TOKEN_REPLY_MAX + 1);
	memcpy(text, "{\"token\":\"a\"}", 13);
	ATF_CHECK_EQ(0, token_decode(&token, text, TOKEN_REPLY_MAX, &err));
	token_fini(&token);
	ATF_CHECK_EQ(-1, token_decode(&token, text, TOKEN_REPLY_MAX + 1, &err));
	ATF_CHECK_STREQ("more than 65536 bytes", err.msg);
	free(text);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, request__good);
	ATF_TP_ADD_TC(tp, request__several_scopes);
	ATF_TP_ADD_TC(tp, request__bad);
	ATF_TP_ADD_TC(tp, reply__table);
	ATF_TP_ADD_TC(tp, reply__bounds);
	return atf_no_error();
}
