/* SPDX-License-Identifier: ISC */
/* Where a registry may send us, and which addresses are whose. */
#include "registry/http_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *base, *location;
	const char *to; /* NULL: refused */
	const char *why; /* a part of the message */
} joined[] = {
	{ "https://r/v2/n/blobs/uploads/", "/v2/n/blobs/uploads/u?a=b",
	    "https://r/v2/n/blobs/uploads/u?a=b", NULL },
	{ "https://r/v2/n/blobs/uploads/", "u",
	    "https://r/v2/n/blobs/uploads/u", NULL },
	{ "https://r/v2/n/blobs/uploads/", "?x=1",
	    "https://r/v2/n/blobs/uploads/?x=1", NULL },
	{ "https://r/v2/", "https://cdn.example/b?sig=%2B&x=y#part",
	    "https://cdn.example/b?sig=%2B&x=y", NULL },
	{ "https://r/v2/", "//cdn.example/b", "https://cdn.example/b", NULL },
	{ "http://r:5000/v2/", "http://other/b", "http://other/b", NULL },
	{ "http://r:5000/v2/", "https://other/b", "https://other/b", NULL },
	/* It does not know that it stands behind TLS. */
	{ "https://r:8443/v2/", "http://r/v2/u", "https://r:8443/v2/u", NULL },
	{ "https://r/v2/", "http://R/v2/u", "https://R:443/v2/u", NULL },
	{ "https://r/v2/", "http://other/b", NULL, "from https to http" },
	{ "https://r/v2/", "ftp://r/b", NULL, "neither http nor https" },
	{ "https://r/v2/", "file:///etc/passwd", NULL, "is " },
	{ "https://r/v2/", "javascript:alert(1)", NULL, "is " },
	{ "https://r/v2/", "https://me@other/b", NULL, "names a user" },
	{ "https://r/v2/", "https://me:secret@r/b", NULL, "names a user" },
	{ "https://r/v2/", "https://other:99999/b", NULL, "is no URL" },
	{ "https://r/v2/", "https://a b/", NULL, "is no URL" },
};

ATF_TC_WITHOUT_HEAD(join__table);
ATF_TC_BODY(join__table, tc)
{
	struct error err;
	char *to;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(joined) / sizeof(joined[0]); i++) {
		memset(&err, 0, sizeof(err));
		to = NULL;
		rc = http_url_join(&to, joined[i].base, joined[i].location,
		    &err);
		if (joined[i].to != NULL) {
			ATF_CHECK_EQ_MSG(0, rc, "%s: %s", joined[i].location,
			    err.msg);
			if (rc == 0)
				ATF_CHECK_STREQ(joined[i].to, to);
			free(to);
			continue;
		}
		ATF_CHECK_EQ_MSG(-1, rc, "%s: %s", joined[i].location,
		    to == NULL ? "" : to);
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		ATF_CHECK_MSG(strstr(err.msg, joined[i].why) != NULL, "%s: %s",
		    joined[i].location, err.msg);
	}
}

ATF_TC_WITHOUT_HEAD(join__too_long);
ATF_TC_BODY(join__too_long, tc)
{
	char location[HTTP_URL_MAX + 1];
	struct error err = { 0 };
	char *to;

	memset(location, 'a', sizeof(location) - 1);
	location[0] = '/';
	location[sizeof(location) - 1] = '\0';
	ATF_CHECK_EQ(-1, http_url_join(&to, "https://r/", location, &err));
	ATF_CHECK(strstr(err.msg, "is no URL") != NULL);
	location[sizeof(location) - 2] = '\0';
	ATF_REQUIRE_EQ(0, http_url_join(&to, "https://r/", location, &err));
	free(to);
}

ATF_TC_WITHOUT_HEAD(same_origin__table);
ATF_TC_BODY(same_origin__table, tc)
{
	ATF_CHECK(http_url_same_origin("https://r/a", "https://R:443/b?c"));
	ATF_CHECK(http_url_same_origin("http://r:5000/", "http://r:5000/v2/"));
	ATF_CHECK(!http_url_same_origin("https://r/", "http://r/"));
	ATF_CHECK(!http_url_same_origin("https://r/", "https://r:444/"));
	ATF_CHECK(!http_url_same_origin("https://r/", "https://r.example/"));
	ATF_CHECK(!http_url_same_origin("https://r/", "no URL"));
	ATF_CHECK(!http_url_same_origin("no URL", "no URL"));
}

ATF_TC_WITHOUT_HEAD(loopback__table);
ATF_TC_BODY(loopback__table, tc)
{
	static const char *const are[] = { "localhost", "LOCALHOST:5000",
		"127.0.0.1", "127.0.0.1:1", "127.255.0.3:80", "[::1]",
		"[::1]:5000" };
	static const char *const others[] = { "localhost.example", "local",
		"128.0.0.1", "0.0.0.0", "127.0.0.1.example:5000", "127.1",
		"[::2]", "[::1", "[::10]:1", "[::ffff:127.0.0.1]", "" };
	size_t i;

	for (i = 0; i < sizeof(are) / sizeof(are[0]); i++)
		ATF_CHECK_MSG(http_host_is_loopback(are[i]), "%s", are[i]);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ATF_CHECK_MSG(!http_host_is_loopback(others[i]), "%s",
		    others[i]);
}

static bool
is_inner(const char *text)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
		return http_address_is_inner((struct sockaddr *)&in4);
	ATF_REQUIRE_EQ_MSG(1, inet_pton(AF_INET6, text, &in6.sin6_addr), "%s",
	    text);
	return http_address_is_inner((struct sockaddr *)&in6);
}

ATF_TC_WITHOUT_HEAD(inner__table);
ATF_TC_BODY(inner__table, tc)
{
	static const char *const are[] = { "0.0.0.0", "10.1.2.3", "100.64.0.1",
		"100.127.255.255", "127.0.0.1", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.168.0.1", "224.0.0.1", "255.255.255.255",
		"::", "::1", "fc00::1", "fd12::1", "fe80::1", "febf::1",
		"fec0::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
		"64:ff9b::169.254.169.254", "::192.168.0.1" };
	static const char *const others[] = { "1.1.1.1", "9.255.255.255",
		"11.0.0.0", "100.63.255.255", "100.128.0.0", "126.0.0.1",
		"128.0.0.1", "172.15.255.255", "172.32.0.0", "192.167.0.1",
		"223.255.255.255", "2606:4700::1", "fe00::1", "::ffff:1.1.1.1",
		"64:ff9b::1.1.1.1" };
	size_t i;

	for (i = 0; i < sizeof(are) / sizeof(are[0]); i++)
		ATF_CHECK_MSG(is_inner(are[i]), "%s", are[i]);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ATF_CHECK_MSG(!is_inner(others[i]), "%s", others[i]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, join__table);
	ATF_TP_ADD_TC(tp, join__too_long);
	ATF_TP_ADD_TC(tp, same_origin__table);
	ATF_TP_ADD_TC(tp, loopback__table);
	ATF_TP_ADD_TC(tp, inner__table);
	return atf_no_error();
}
