/* SPDX-License-Identifier: ISC */
#include "base/rfc3339.h"

#include <atf-c.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The seconds are date(1)'s: date -u -d TEXT +%s. */
struct moment {
	struct timespec at;
	const char *us, *ns;
};

ATF_TC_WITHOUT_HEAD(format__digits);
ATF_TC_BODY(format__digits, tc)
{
	static const struct moment table[] = {
		{ { 0, 0 }, "1970-01-01T00:00:00.000000Z",
		    "1970-01-01T00:00:00Z" },
		{ { -1, 0 }, "1969-12-31T23:59:59.000000Z",
		    "1969-12-31T23:59:59Z" },
		{ { 1795219200, 500000000 }, "2026-11-21T00:00:00.500000Z",
		    "2026-11-21T00:00:00.5Z" },
		{ { 1795219200, 1 }, "2026-11-21T00:00:00.000000Z",
		    "2026-11-21T00:00:00.000000001Z" },
		{ { 1795219200, 716881320 }, "2026-11-21T00:00:00.716881Z",
		    "2026-11-21T00:00:00.71688132Z" },
		{ { 951782399, 999999999 }, "2000-02-28T23:59:59.999999Z",
		    "2000-02-28T23:59:59.999999999Z" },
		{ { -62167219200, 0 }, "0000-01-01T00:00:00.000000Z",
		    "0000-01-01T00:00:00Z" },
		{ { 253402300799, 0 }, "9999-12-31T23:59:59.000000Z",
		    "9999-12-31T23:59:59Z" },
	};
	char out[RFC3339_MAX];
	struct timespec back;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		rfc3339_us(out, &table[i].at);
		ATF_CHECK_STREQ(table[i].us, out);
		rfc3339_ns(out, &table[i].at);
		ATF_CHECK_STREQ(table[i].ns, out);
		ATF_CHECK_EQ(0, rfc3339_parse(&back, out, NULL));
		ATF_CHECK_EQ(table[i].at.tv_sec, back.tv_sec);
		ATF_CHECK_EQ(table[i].at.tv_nsec, back.tv_nsec);
	}
}

/* The time of a file may be any number. */
ATF_TC_WITHOUT_HEAD(format__years_of_other_lengths);
ATF_TC_BODY(format__years_of_other_lengths, tc)
{
	static const struct moment table[] = {
		{ { -62167219201, 0 }, "0000-01-01T00:00:00.000000Z", NULL },
		{ { INT64_MIN, 0 }, "0000-01-01T00:00:00.000000Z", NULL },
		{ { 253402300800, 0 }, "9999-12-31T23:59:59.000000Z", NULL },
		{ { INT64_MAX, 0 }, "9999-12-31T23:59:59.000000Z", NULL },
	};
	char out[RFC3339_MAX];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		rfc3339_us(out, &table[i].at);
		ATF_CHECK_STREQ(table[i].us, out);
	}
}

struct text {
	const char *text;
	struct timespec at;
};

ATF_TC_WITHOUT_HEAD(parse__good);
ATF_TC_BODY(parse__good, tc)
{
	static const struct text table[] = {
		{ "2024-02-29T12:00:00Z", { 1709208000, 0 } },
		{ "2000-02-29T12:00:00+00:00", { 951825600, 0 } },
		{ "2000-02-29T12:00:00-00:00", { 951825600, 0 } },
		{ "2000-02-29T12:00:00+01:30", { 951820200, 0 } },
		{ "2000-02-29T12:00:00-01:30", { 951831000, 0 } },
		{ "2000-02-29T12:00:00.5Z", { 951825600, 500000000 } },
		{ "2000-02-29T12:00:00.000000001Z", { 951825600, 1 } },
		{ "0000-01-01T00:00:00-23:59", { -62167132860, 0 } },
		{ "9999-12-31T23:59:59.123456789Z",
		    { 253402300799, 123456789 } },
	};
	struct error err = { 0 };
	struct timespec at;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ATF_REQUIRE_EQ_MSG(0, rfc3339_parse(&at, table[i].text, &err),
		    "%s", err.msg);
		ATF_CHECK_EQ_MSG(table[i].at.tv_sec, at.tv_sec, "%s: %jd",
		    table[i].text, (intmax_t)at.tv_sec);
		ATF_CHECK_EQ_MSG(table[i].at.tv_nsec, at.tv_nsec, "%s: %ld",
		    table[i].text, at.tv_nsec);
	}
}

ATF_TC_WITHOUT_HEAD(parse__bad);
ATF_TC_BODY(parse__bad, tc)
{
	static const char *const bad[] = { "", "2026", "2026-11-21",
		"2023-02-29T12:00:00Z", "1900-02-29T12:00:00Z",
		"2026-00-21T12:00:00Z", "2026-13-21T12:00:00Z",
		"2026-11-00T12:00:00Z", "2026-11-31T12:00:00Z",
		"2026-11-21t12:00:00Z", "2026-11-21T12:00:00z",
		"2026-11-21 12:00:00Z", "2026-11-21T24:00:00Z",
		"2026-11-21T12:60:00Z", "2026-11-21T12:00:60Z",
		"2026-11-21T12:00:00", "2026-11-21T12:00Z",
		"2026-11-21T12:00:00.Z", "2026-11-21T12:00:00.5",
		"2026-11-21T12:00:00.1234567890Z", "2026-11-21T12:00:00+1:00",
		"2026-11-21T12:00:00+24:00", "2026-11-21T12:00:00+01:60",
		"2026-11-21T12:00:00+0100", "2026-11-21T12:00:00+-1:00",
		"2026-11-21T12:00:00Z ", " 2026-11-21T12:00:00Z",
		"+2026-11-21T12:00:00Z", "20261121T120000Z",
		"12026-11-21T12:00:00Z", "2026-1-2T12:00:00Z" };
	struct timespec at = { 77, 77 };
	struct error err;
	char want[80];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1, rfc3339_parse(&at, bad[i], &err), "%s",
		    bad[i]);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		snprintf(want, sizeof(want), "\"%s\" is no RFC 3339 time",
		    bad[i]);
		ATF_CHECK_STREQ(want, err.msg);
		ATF_CHECK(at.tv_sec == 77 && at.tv_nsec == 77);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, format__digits);
	ATF_TP_ADD_TC(tp, format__years_of_other_lengths);
	ATF_TP_ADD_TC(tp, parse__good);
	ATF_TP_ADD_TC(tp, parse__bad);
	return atf_no_error();
}
