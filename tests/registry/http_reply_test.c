/* SPDX-License-Identifier: ISC */
/* What a registry's headers and refusals are taken for. */
#include "registry/http_reply.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_reply reply;

/* One answer of these lines, with "\n" between them. */
static void
take(const char *lines)
{
	const char *end;

	http_reply_fini(&reply);
	for (; *lines != '\0'; lines = *end == '\0' ? end : end + 1) {
		end = lines + strcspn(lines, "\n");
		ATF_REQUIRE_EQ(0,
		    http_reply_header(&reply, lines, (size_t)(end - lines)));
	}
}

ATF_TC_WITHOUT_HEAD(header__range);
ATF_TC_BODY(header__range, tc)
{
	static const char *const bad[] = { "bytes 0-9/*", "bytes */10",
		"bytes 9-0/10", "bytes 0-10/10", "bytes 0-9/9", "bytes 0-9/10x",
		"bytes -9/10", "octets 0-9/10", "0-9/10", "bytes 0-9",
		"bytes 0-9/99999999999999999999",
		"bytes 0-9/10, bytes 20-29/30" };
	char line[128];
	size_t i;

	take("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-9/10\r\n");
	ATF_CHECK_EQ(206, reply.status);
	ATF_CHECK(reply.has_content_range && reply.first == 3 &&
	    reply.last == 9 && reply.total == 10);
	take("HTTP/2 206\ncontent-range:   bytes 0-0/1  ");
	ATF_CHECK(reply.has_content_range && reply.total == 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "HTTP/2 206\nContent-Range: %s",
		    bad[i]);
		take(line);
		ATF_CHECK_MSG(!reply.has_content_range, "%s", bad[i]);
	}
	/* A status line begins anew: what came before was another answer's. */
	take("HTTP/1.1 100 Continue\nContent-Range: bytes 0-0/1\nHTTP/1.1 200");
	ATF_CHECK(reply.status == 200 && !reply.has_content_range);
	http_reply_fini(&reply);
}

ATF_TC_WITHOUT_HEAD(header__offset);
ATF_TC_BODY(header__offset, tc)
{
	static const struct {
		const char *text;
		bool is_good;
		uint64_t offset;
	} table[] = {
		{ "0-0", true, 0 }, /* which is nothing yet */
		{ "0-1", true, 2 },
		{ "0-524287", true, 524288 },
		{ "bytes=0-99", true, 100 },
		{ "1-99", false, 0 },
		{ "0-", false, 0 },
		{ "-1", false, 0 },
		{ "0-1x", false, 0 },
		{ "", false, 0 },
	};
	char line[128];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(line, sizeof(line), "HTTP/2 204\nRange: %s",
		    table[i].text);
		take(line);
		ATF_CHECK_EQ_MSG(table[i].is_good, reply.has_offset, "%s",
		    table[i].text);
		ATF_CHECK_EQ_MSG(table[i].offset, reply.offset, "%s",
		    table[i].text);
	}
	http_reply_fini(&reply);
}

ATF_TC_WITHOUT_HEAD(header__wait);
ATF_TC_BODY(header__wait, tc)
{
	static const struct {
		const char *lines;
		int ms;
	} table[] = {
		{ "", 0 },
		{ "Retry-After: 3", 3000 },
		{ "Retry-After: 0", 0 },
		{ "Retry-After: 60", 60000 },
		{ "Retry-After: 86400", 60000 },
		{ "Retry-After: 99999999999999999999", 0 },
		{ "Retry-After: -5", 0 },
		{ "Retry-After: soon", 0 },
		{ "Date: Mon, 30 Nov 2026 06:00:00 GMT\n"
		  "Retry-After: Mon, 30 Nov 2026 06:00:07 GMT",
		    7000 },
		{ "Retry-After: Mon, 30 Nov 2026 07:00:00 GMT\n"
		  "Date: Mon, 30 Nov 2026 06:00:00 GMT",
		    60000 },
		{ "Date: Mon, 30 Nov 2026 06:00:00 GMT\n"
		  "Retry-After: Mon, 30 Nov 2026 05:00:00 GMT",
		    0 },
		/* Without its clock nothing is known. */
		{ "Retry-After: Mon, 30 Nov 2099 06:00:07 GMT", 0 },
	};
	char lines[256];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(lines, sizeof(lines), "HTTP/2 503\n%s",
		    table[i].lines);
		take(lines);
		ATF_CHECK_EQ_MSG(table[i].ms, http_reply_wait_ms(&reply),
		    "%s: %d", table[i].lines, http_reply_wait_ms(&reply));
	}
	http_reply_fini(&reply);
}

ATF_TC_WITHOUT_HEAD(header__others);
ATF_TC_BODY(header__others, tc)
{
	char digest[DIGEST_TEXT_MAX];

	take("HTTP/1.1 202 Accepted\nLOCATION: /a?b\nLocation: /second\n"
	     "WWW-Authenticate: Basic realm=\"x\"\nwww-authenticate: Bearer\n"
	     "Content-Length: 12\nOCI-Chunk-Min-Length: 4096\n"
	     "Docker-Content-Digest: sha256:0123456789abcdef0123456789abcdef"
	     "0123456789abcdef0123456789abcdef\nno colon\n: no name");
	ATF_CHECK_EQ(202, reply.status);
	ATF_CHECK_STREQ("/a?b", reply.location);
	ATF_CHECK_EQ(2, reply.challenges.n);
	ATF_CHECK_STREQ("Bearer", reply.challenges.v[1]);
	ATF_CHECK(reply.has_length && reply.length == 12);
	ATF_CHECK_EQ(4096, reply.chunk_min);
	ATF_REQUIRE(reply.has_digest);
	digest_text(digest, &reply.digest);
	ATF_CHECK_STREQ("sha256:0123456789abcdef0123456789abcdef0123456789abcde"
			"f0123456789abcdef",
	    digest);
	take("HTTP/1.1 2x2 Odd\nDocker-Content-Digest: sha256:short\n"
	     "Content-Length: -1");
	ATF_CHECK(reply.status == 2 || reply.status == 0);
	ATF_CHECK(!reply.has_digest && !reply.has_length);
	http_reply_fini(&reply);
}

ATF_TC_WITHOUT_HEAD(header__bounded);
ATF_TC_BODY(header__bounded, tc)
{
	char line[4096];
	size_t n;

	memset(line, 'x', sizeof(line));
	http_reply_fini(&reply);
	for (n = 0; http_reply_header(&reply, line, sizeof(line)) == 0; n++)
		ATF_REQUIRE(n < 100);
	ATF_CHECK_EQ(HTTP_HEADERS_MAX / sizeof(line), n);
	http_reply_fini(&reply);
}

/* What is told of a refusal of that status, with that body. */
static void
tells(long status, const char *body, int code, const char *message)
{
	struct error err = { 0 };

	http_reply_fini(&reply);
	reply.status = status;
	ATF_REQUIRE_EQ(0, http_reply_text(&reply, body, strlen(body)));
	ATF_CHECK_EQ(-1, http_reply_error(&reply, &err));
	ATF_CHECK_EQ_MSG(code, err.code, "%s: %d", message, err.code);
	ATF_CHECK_STREQ(message, err.msg);
	http_reply_fini(&reply);
}

ATF_TC_WITHOUT_HEAD(error__table);
ATF_TC_BODY(error__table, tc)
{
	char longer[1000];

	tells(404,
	    "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":"
	    "\"manifest unknown\",\"detail\":{\"a\":[1]}},{\"code\":\"X\"}]}",
	    EX_NOINPUT, "answered 404: MANIFEST_UNKNOWN: manifest unknown");
	tells(401, "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}", EX_NOPERM,
	    "answered 401: UNAUTHORIZED");
	tells(403, "{\"errors\":[{\"message\":\"no\"}]}", EX_NOPERM,
	    "answered 403: no");
	tells(429, "slow down\nplease", EX_TEMPFAIL, "answered 429: slow down");
	tells(502, "<html>Bad {gateway}</html>", EX_TEMPFAIL, "answered 502");
	tells(500, "", EX_TEMPFAIL, "answered 500");
	tells(400, "{\"errors\":[]}", EX_UNAVAILABLE, "answered 400");
	tells(400, "{\"errors\":[7]}", EX_UNAVAILABLE, "answered 400");
	tells(400, "{\"errors\":{\"code\":\"X\"}}", EX_UNAVAILABLE,
	    "answered 400");
	tells(400, "[[[[", EX_UNAVAILABLE, "answered 400: [[[[");
	/* A terminal is told nothing that it would follow. */
	tells(405,
	    "{\"errors\":[{\"code\":\"A\\u001b[2J\",\"message\":"
	    "\"b\\u009b31m\\u202e\\u007f\"}]}",
	    EX_UNAVAILABLE, "answered 405: A?[2J: b??31m????");
	tells(405, "\033]0;title\007", EX_UNAVAILABLE,
	    "answered 405: ?]0;title?");
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	http_reply_fini(&reply);
	reply.status = 400;
	ATF_REQUIRE_EQ(0, http_reply_text(&reply, longer, sizeof(longer) - 1));
	struct error err = { 0 };
	http_reply_error(&reply, &err);
	ATF_CHECK(strlen(err.msg) < 250);
	http_reply_fini(&reply);
}

ATF_TC_WITHOUT_HEAD(text__bounded);
ATF_TC_BODY(text__bounded, tc)
{
	static char block[10000];
	size_t i;

	http_reply_fini(&reply);
	for (i = 0; i < 10; i++)
		ATF_REQUIRE_EQ(0,
		    http_reply_text(&reply, block, sizeof(block)));
	ATF_CHECK_EQ(HTTP_TEXT_MAX, reply.text_len);
	http_reply_fini(&reply);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, header__range);
	ATF_TP_ADD_TC(tp, header__offset);
	ATF_TP_ADD_TC(tp, header__wait);
	ATF_TP_ADD_TC(tp, header__others);
	ATF_TP_ADD_TC(tp, header__bounded);
	ATF_TP_ADD_TC(tp, error__table);
	ATF_TP_ADD_TC(tp, text__bounded);
	return atf_no_error();
}
