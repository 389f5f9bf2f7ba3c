/* SPDX-License-Identifier: ISC */
#include "registry/challenge.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *header;
	bool basic, bearer;
	const char *realm, *service;
} good[] = {
	{ "", false, false, "", "" },
	{ " , ,\t,", false, false, "", "" },
	{ "Basic", true, false, "", "" },
	{ "Basic realm=\"Registry Realm\"", true, false, "", "" },
	{ "bAsIc realm=x, charset=\"UTF-8\"", true, false, "", "" },
	{ "Bearer realm=\"https://a/t\",service=\"r\",scope=\"repository:n:pull\"",
	    false, true, "https://a/t", "r" },
	{ "Bearer scope=\"x\" , SERVICE = r , Realm\t=\t\"https://a/t\" ",
	    false, true, "https://a/t", "r" },
	{ "BEARER realm=\"https://a/t\"", false, true, "https://a/t", "" },
	{ ",Bearer realm=https,,error=\"insufficient_scope\",", false, true,
	    "https", "" },
	{ "Bearer realm=\"a\\\"b\\\\c\\d, e=f\"", false, true, "a\"b\\cd, e=f",
	    "" },
	{ "Bearer realm=\"a\tb\",service=\"\"", false, true, "a\tb", "" },
	{ "Bearer realm=\"\xc3\xa4\"", false, true, "\xc3\xa4", "" },
	{ "Basic realm=\"Bearer realm=\\\"x\\\"\"", true, false, "", "" },
	/* Several in one, in any order; the first Bearer is it. */
	{ "Basic realm=\"x\", Bearer realm=\"y\",service=\"z\"", true, true,
	    "y", "z" },
	{ "Bearer realm=\"y\",service=\"z\", Basic realm=\"x\"", true, true,
	    "y", "z" },
	{ "Bearer realm=a, Bearer realm=b,service=c", false, true, "a", "" },
	{ "Negotiate, Basic, NTLM", true, false, "", "" },
	{ "Negotiate YWJj/+-._~==, Bearer realm=a", false, true, "a", "" },
	{ "Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", "
	  "Basic realm=\"simple\"",
	    true, false, "", "" },
	{ "Digest realm=r, nonce=\"n\", realm=r2, service=s", false, false, "",
	    "" },
	{ "Bearer realm=a,Realms=b,xrealm=c", false, true, "a", "" },
};

ATF_TC_WITHOUT_HEAD(challenge__good);
ATF_TC_BODY(challenge__good, tc)
{
	struct error err = { 0 };
	struct challenge c;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&c, 0, sizeof(c));
		ATF_CHECK_EQ_MSG(0, challenge_add(&c, good[i].header, &err),
		    "%s: %s", good[i].header, err.msg);
		ATF_CHECK_EQ_MSG(good[i].basic, c.has_basic, "%s",
		    good[i].header);
		ATF_CHECK_EQ_MSG(good[i].bearer, c.has_bearer, "%s",
		    good[i].header);
		ATF_CHECK_STREQ(good[i].realm, c.realm);
		ATF_CHECK_STREQ(good[i].service, c.service);
	}
}

static const struct {
	const char *header, *message;
} bad[] = {
	{ "=", "no name at byte 0" },
	{ "\"x\"", "no name at byte 0" },
	{ "realm=\"x\"", "no blank behind a scheme at byte 5" },
	{ "Basic\"x\"", "no blank behind a scheme at byte 5" },
	{ "Basic realm", NULL }, /* a token68 */
	{ "Basic realm x", "no '=' at byte 12" },
	{ "Basic realm=\"x", "string without end at byte 14" },
	{ "Basic realm=\"x\\", "string without end at byte 15" },
	{ "Basic realm=\"x\\\"", "string without end at byte 16" },
	{ "Basic realm=\"x\"y", "no comma at byte 15" },
	{ "Basic realm=\"x\" a=b", "no comma at byte 16" },
	{ "Basic realm=\"x\x01\"", "control character at byte 14" },
	{ "Basic realm=\"x\\\x7f\"", "control character at byte 15" },
	{ "Basic realm=\r\n", "no name at byte 12" },
	{ "Basic realm=a;b", "no comma at byte 13" },
	{ "Basic realm=a, =b", "no name at byte 15" },
	{ "Basic @", "no name at byte 6" },
	{ "Bearer", "Bearer without a realm at byte 6" },
	{ "Bearer service=a", "Bearer without a realm at byte 16" },
	{ "Bearer YWJj", "Bearer without a realm at byte 11" },
	{ "Bearer realm=\"\"", "Bearer without a realm at byte 15" },
	{ "Bearer service=a, Basic realm=b",
	    "Bearer without a realm at byte 24" },
	{ "Bearer realm=a,realm=b", "a parameter twice at byte 21" },
	{ "Bearer realm=a,service=b,SERVICE=c",
	    "a parameter twice at byte 33" },
	{ "\xc3\xa4 realm=a", "no name at byte 0" },
};

ATF_TC_WITHOUT_HEAD(challenge__bad);
ATF_TC_BODY(challenge__bad, tc)
{
	struct challenge c, before;
	struct error err;
	char want[128];
	size_t i;

	memset(&before, 0, sizeof(before));
	before.has_basic = true;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		c = before;
		if (bad[i].message == NULL) {
			ATF_CHECK_EQ(0, challenge_add(&c, bad[i].header, &err));
			continue;
		}
		ATF_CHECK_EQ_MSG(-1, challenge_add(&c, bad[i].header, &err),
		    "%s", bad[i].header);
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		snprintf(want, sizeof(want), "WWW-Authenticate: %s",
		    bad[i].message);
		ATF_CHECK_STREQ(want, err.msg);
		ATF_CHECK(memcmp(&before, &c, sizeof(c)) == 0);
	}
}

/* `n` letters as the value of a Bearer's parameter behind `head`. */
static char *
header(const char *head, size_t n, const char *tail)
{
	size_t len = strlen(head);
	char *text = malloc(len + n + strlen(tail) + 1);

	ATF_REQUIRE(text != NULL);
	memcpy(text, head, len);
	memset(text + len, 'a', n);
	strcpy(text + len + n, tail);
	return text;
}

ATF_TC_WITHOUT_HEAD(challenge__bounds);
ATF_TC_BODY(challenge__bounds, tc)
{
	static const struct {
		const char *head, *tail;
		size_t n;
		const char *message; /* NULL: good */
	} table[] = {
		{ "Bearer realm=", "", CHALLENGE_REALM_MAX, NULL },
		{ "Bearer realm=", "", CHALLENGE_REALM_MAX + 1,
		    "WWW-Authenticate: too long a name at byte 13" },
		{ "Bearer realm=\"", "\"", CHALLENGE_REALM_MAX, NULL },
		{ "Bearer realm=\"", "\"", CHALLENGE_REALM_MAX + 1,
		    "WWW-Authenticate: too long a value at byte 2062" },
		{ "Bearer realm=x,service=\"", "\"", CHALLENGE_SERVICE_MAX,
		    NULL },
		{ "Bearer realm=x,service=\"", "\"", CHALLENGE_SERVICE_MAX + 1,
		    "WWW-Authenticate: too long a value at byte 1048" },
		{ "Bearer realm=x,", "=1", 64, NULL },
		{ "Bearer realm=x,", "=1", 65,
		    "WWW-Authenticate: too long a name at byte 15" },
		{ "Basic x=\"", "\"", CHALLENGE_HEADER_MAX - 10, NULL },
		{ "Basic x=\"", "\"", CHALLENGE_HEADER_MAX - 9,
		    "WWW-Authenticate: longer than 8192 bytes" },
	};
	struct challenge c;
	struct error err;
	char *text;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&c, 0, sizeof(c));
		memset(&err, 0, sizeof(err));
		text = header(table[i].head, table[i].n, table[i].tail);
		rc = challenge_add(&c, text, &err);
		ATF_CHECK_EQ_MSG(table[i].message == NULL ? 0 : -1, rc,
		    "%zu: %s", i, err.msg);
		ATF_CHECK_STREQ(table[i].message == NULL ? ""
							 : table[i].message,
		    err.msg);
		free(text);
	}
}

/* Several headers add up. */
ATF_TC_WITHOUT_HEAD(challenge__several);
ATF_TC_BODY(challenge__several, tc)
{
	struct challenge c;

	memset(&c, 0, sizeof(c));
	ATF_CHECK_EQ(0, challenge_add(&c, "Negotiate", NULL));
	ATF_CHECK(!c.has_basic && !c.has_bearer);
	ATF_CHECK_EQ(0, challenge_add(&c, "Bearer realm=a,service=b", NULL));
	ATF_CHECK_EQ(0, challenge_add(&c, "Basic", NULL));
	ATF_CHECK_EQ(0, challenge_add(&c, "Bearer realm=c,service=d", NULL));
	ATF_CHECK(c.has_basic && c.has_bearer);
	ATF_CHECK_STREQ("a", c.realm);
	ATF_CHECK_STREQ("b", c.service);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, challenge__good);
	ATF_TP_ADD_TC(tp, challenge__bad);
	ATF_TP_ADD_TC(tp, challenge__bounds);
	ATF_TP_ADD_TC(tp, challenge__several);
	return atf_no_error();
}
