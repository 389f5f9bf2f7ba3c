/* SPDX-License-Identifier: ISC */
/* Heads of HTTP answers, whole, in pieces, and wrong. */
#include "vmm/host/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atf-c.h>

/* Each shorter piece of a good head asks for more. */
ATF_TC_WITHOUT_HEAD(parse__good);
ATF_TC_BODY(parse__good, tc)
{
	static const struct {
		const char *text;
		struct http_head want;
	} table[] = {
		{ "HTTP/1.1 200 \r\nContent-Length: 12\r\n\r\n",
		    { 200, 0, true, 12, false } },
		{ "HTTP/1.1 200\r\ncontent-length:0\r\n\r\n",
		    { 200, 0, true, 0, false } },
		{ "HTTP/1.1 500 Server: error\nCONTENT-LENGTH: \t7 \n\n",
		    { 500, 0, true, 7, false } },
		{ "HTTP/1.1 204 \r\nServer: x\r\nConnection: keep-alive\r\n\r\n",
		    { 204, 0, true, 0, false } },
		{ "HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n",
		    { 204, 0, true, 0, false } },
		{ "HTTP/1.1 100 Continue\r\n\r\n", { 100, 0, true, 0, false } },
		{ "HTTP/1.1 200 \r\nConnection: Close\r\nContent-Length: 1\r\n"
		  "\r\n",
		    { 200, 0, true, 1, true } },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
		    { 200, 0, true, 1, true } },
		{ "HTTP/1.1 200 OK\r\n\r\n", { 200, 0, false, 0, true } },
		{ "HTTP/1.1 999 x\r\nContent-Length: 3\r\n"
		  "Content-Length: 3\r\n\r\n",
		    { 999, 0, true, 3, false } },
		{ "HTTP/1.1 200 \r\nContent-Length: 18446744073709551615\r\n"
		  "\r\n",
		    { 200, 0, true, UINT64_MAX, false } },
		{ "HTTP/1.1 200 \r\nX-Content-Length: 3\r\n"
		  "Content-Length: 2\r\n\r\n",
		    { 200, 0, true, 2, false } },
	};
	struct error err = { 0 };
	struct http_head head;
	size_t i, len, cut;
	char text[256];

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		len = strlen(table[i].text);
		snprintf(text, sizeof(text), "%s{} behind", table[i].text);
		ATF_REQUIRE_EQ_MSG(1,
		    http_head_parse(&head, text, strlen(text), &err), "%zu: %s",
		    i, err.msg);
		ATF_CHECK_EQ_MSG(table[i].want.status, head.status, "%zu", i);
		ATF_CHECK_EQ_MSG(len, head.head_bytes, "%zu", i);
		ATF_CHECK_EQ_MSG(table[i].want.has_length, head.has_length,
		    "%zu", i);
		ATF_CHECK_EQ_MSG(table[i].want.body_bytes, head.body_bytes,
		    "%zu", i);
		ATF_CHECK_EQ_MSG(table[i].want.is_last, head.is_last, "%zu", i);
		for (cut = 0; cut < len; cut++)
			ATF_CHECK_EQ_MSG(0,
			    http_head_parse(&head, text, cut, &err),
			    "%zu: cut at %zu", i, cut);
	}
}

ATF_TC_WITHOUT_HEAD(parse__bad);
ATF_TC_BODY(parse__bad, tc)
{
#define STATUS "no HTTP answer: no status line"
#define LENGTH "no HTTP answer: its length is in doubt"
#define FIELD "no HTTP answer: a line of its head is no field"
	static const struct {
		const char *text, *message;
	} table[] = {
		{ "x", STATUS },
		{ "\n", STATUS },
		{ "HTTQ", STATUS },
		{ "http/1.1 200 OK\r\n", STATUS },
		{ "HTTP/2 200 OK\r\n", STATUS },
		{ "HTTP/1.1\r\n", STATUS },
		{ "HTTP/1.x 200 OK\r\n", STATUS },
		{ "HTTP/1.1  200 OK\r\n", STATUS },
		{ "HTTP/1.1 20\r\n", STATUS },
		{ "HTTP/1.1 2000 OK\r\n", STATUS },
		{ "HTTP/1.1 099 OK\r\n", STATUS },
		{ "HTTP/1.1 +20 OK\r\n", STATUS },
		{ "HTTP/1.1 200 \r\nContent-Length: -1\r\n", LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length: +1\r\n", LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length: 1x\r\n", LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length: 0x1\r\n", LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length:\r\n", LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length: 1, 1\r\n", LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length: 18446744073709551616\r\n",
		    LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length: 000000000000000000001\r\n",
		    LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length: 1\r\n"
		  "content-length: 2\r\n",
		    LENGTH },
		{ "HTTP/1.1 200 \r\nContent-Length: 1\r\n"
		  "Transfer-Encoding: chunked\r\n",
		    "no HTTP answer: its body is coded" },
		{ "HTTP/1.1 200 \r\nno field\r\n", FIELD },
		{ "HTTP/1.1 200 \r\n Content-Length: 1\r\n", FIELD },
		{ "HTTP/1.1 200 \r\nServer: x\r\n\tfolded: 1\r\n", FIELD },
	};
	struct http_head head;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1,
		    http_head_parse(&head, table[i].text, strlen(table[i].text),
			&err),
		    "%zu: taken", i);
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		ATF_CHECK_STREQ(table[i].message, err.msg);
	}
	ATF_CHECK_EQ(-1,
	    http_head_parse(&head, "HTTP/1.1 200 \r\nServer: \0\r\n", 26,
		&err));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse__good);
	ATF_TP_ADD_TC(tp, parse__bad);
	return atf_no_error();
}
