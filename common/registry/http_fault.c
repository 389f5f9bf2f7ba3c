/* SPDX-License-Identifier: ISC */
#include "registry/http_fault.h"

#include <string.h>

#define FIRST_WAIT_MS 250 /* then four times as long, and so on */
#define LAST_WAIT_MS 8000

static const struct {
	CURLcode code;
	int status;
	bool may_try;
	const char *text; /* NULL: libcurl's */
} faults[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, EX_UNAVAILABLE, true,
	    "no such host is known" },
	{ CURLE_COULDNT_RESOLVE_PROXY, EX_UNAVAILABLE, true,
	    "no such proxy is known" },
	{ CURLE_COULDNT_CONNECT, EX_UNAVAILABLE, true, "cannot be reached" },
	{ CURLE_OPERATION_TIMEDOUT, EX_TEMPFAIL, true,
	    "gave no answer in time" },
	{ CURLE_GOT_NOTHING, EX_TEMPFAIL, true, "gave no answer" },
	{ CURLE_SEND_ERROR, EX_TEMPFAIL, true, "the connection was cut" },
	{ CURLE_RECV_ERROR, EX_TEMPFAIL, true, "the connection was cut" },
	{ CURLE_PARTIAL_FILE, EX_TEMPFAIL, true, "the connection was cut" },
	{ CURLE_HTTP2, EX_TEMPFAIL, true, "the connection was cut" },
	{ CURLE_HTTP2_STREAM, EX_TEMPFAIL, true, "the connection was cut" },
	{ CURLE_SSL_CONNECT_ERROR, EX_UNAVAILABLE, true, NULL },
	/* libcurl before 8.6 has one code for both, and a server can cause it. */
	{ CURLE_OUT_OF_MEMORY, EX_UNAVAILABLE, false,
	    "answered a line that is too long, or memory ran out" },
};

bool
http_fault(struct error *err, CURLcode code, long sys, const char *detail)
{
	const char *text = detail[0] != '\0' ? detail
					     : curl_easy_strerror(code);
	int status = EX_UNAVAILABLE;
	bool may_try = false;
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (faults[i].code != code)
			continue;
		status = faults[i].status;
		may_try = faults[i].may_try;
		if (faults[i].text != NULL)
			text = faults[i].text;
	}
	if (code == CURLE_COULDNT_CONNECT && sys != 0)
		error_set(err, status, "%s", strerror((int)sys));
	else
		error_set(err, status, "%s", text);
	return may_try;
}

int
http_fault_wait_ms(unsigned tries)
{
	int ms = FIRST_WAIT_MS;

	for (; tries > 1 && ms < LAST_WAIT_MS; tries--)
		ms *= 4;
	return ms < LAST_WAIT_MS ? ms : LAST_WAIT_MS;
}
