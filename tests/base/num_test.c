/* SPDX-License-Identifier: ISC */
#include "base/num.h"

#include <atf-c.h>
#include <stddef.h>

struct number {
	const char *text;
	int code; /* 0: `value` is expected */
	uint64_t value;
};

ATF_TC_WITHOUT_HEAD(size__table);
ATF_TC_BODY(size__table, tc)
{
	static const struct number table[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "1k", 0, NUM_KIB },
		{ "512M", 0, 512 * NUM_MIB },
		{ "2G", 0, 2 * NUM_GIB },
		{ "8T", 0, 8 * NUM_TIB },
		{ "9T", EX_USAGE, 0 },
		{ "8796093022209", EX_USAGE, 0 },
		{ "18446744073709551616", EX_USAGE, 0 },
		{ "18014398509481985K", EX_USAGE, 0 },
		{ "", EX_USAGE, 0 },
		{ "K", EX_USAGE, 0 },
		{ "-1", EX_USAGE, 0 },
		{ "+1", EX_USAGE, 0 },
		{ " 1", EX_USAGE, 0 },
		{ "1 ", EX_USAGE, 0 },
		{ "0x10", EX_USAGE, 0 },
		{ "2GiB", 0, 2 * NUM_GIB },
		{ "2gib", 0, 2 * NUM_GIB },
		{ "512MB", 0, 512 * NUM_MIB },
		{ "1KB", 0, NUM_KIB },
		{ "1tib", 0, NUM_TIB },
		{ "1.5G", 0, 3 * NUM_GIB / 2 },
		{ "0.5k", 0, 512 },
		{ "1.0", 0, 1 },
		{ "1.000000000GB", 0, NUM_GIB },
		{ "0.0009765625M", 0, NUM_KIB },
		{ "1.1G", EX_USAGE, 0 },
		{ "1.5", EX_USAGE, 0 },
		{ "1.G", EX_USAGE, 0 },
		{ ".5G", EX_USAGE, 0 },
		{ "1.5.5G", EX_USAGE, 0 },
		{ "1.00000000000000000000G", EX_USAGE, 0 },
		{ "1.99999999999999999999G", EX_USAGE, 0 },
		{ "8.5T", EX_USAGE, 0 },
		{ "1B", EX_USAGE, 0 },
		{ "1iB", EX_USAGE, 0 },
		{ "1Ki", EX_USAGE, 0 },
		{ "1KBB", EX_USAGE, 0 },
		{ "1 KiB", EX_USAGE, 0 },
		{ "2,5G", EX_USAGE, 0 },
		{ "1P", EX_USAGE, 0 },
	};
	struct error err;
	uint64_t out;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		err.code = 0;
		out = 77;
		rc = num_size(&out, table[i].text, 0, 8 * NUM_TIB, &err);
		ATF_CHECK_EQ_MSG(table[i].code, err.code, "\"%s\": code %d",
		    table[i].text, err.code);
		ATF_CHECK_EQ(table[i].code == 0 ? 0 : -1, rc);
		ATF_CHECK_EQ_MSG(table[i].code == 0 ? table[i].value : 77, out,
		    "\"%s\": %ju", table[i].text, (uintmax_t)out);
	}
}

ATF_TC_WITHOUT_HEAD(u64__bounds);
ATF_TC_BODY(u64__bounds, tc)
{
	struct error err;
	uint64_t out;

	ATF_CHECK_EQ(0, num_u64(&out, "1", 1, 3, &err));
	ATF_CHECK_EQ(0, num_u64(&out, "3", 1, 3, &err));
	ATF_CHECK_EQ(-1, num_u64(&out, "0", 1, 3, &err));
	ATF_CHECK_EQ(-1, num_u64(&out, "4", 1, 3, &err));
	ATF_CHECK_EQ(-1, num_u64(&out, "1K", 1, 4096, &err));
	ATF_CHECK_EQ(0,
	    num_u64(&out, "18446744073709551615", 0, UINT64_MAX, &err));
	ATF_CHECK_EQ(UINT64_MAX, out);
}

ATF_TC_WITHOUT_HEAD(duration__units);
ATF_TC_BODY(duration__units, tc)
{
	static const struct number table[] = {
		{ "250ms", 0, 250 },
		{ "90s", 0, 90000 },
		{ "2m", 0, 120000 },
		{ "3h", 0, 10800000 },
		{ "1d", 0, 86400000 },
		{ "2w", 0, 1209600000 },
		{ "0s", 0, 0 },
		{ "4611686018427387903ms", 0, NUM_DURATION_MAX_MS },
		{ "4611686018427387904ms", EX_USAGE, 0 },
		{ "1S", EX_USAGE, 0 },
		{ "1sm", EX_USAGE, 0 },
		{ "1.5h", EX_USAGE, 0 },
		{ "", EX_USAGE, 0 },
		{ "5", 0, 5000 },
		{ "4611686018427388", EX_USAGE, 0 },
		{ "5 s", EX_USAGE, 0 },
		{ "s", EX_USAGE, 0 },
		{ "1y", EX_USAGE, 0 },
		{ "-1s", EX_USAGE, 0 },
		{ "18446744073709551615w", EX_USAGE, 0 },
	};
	struct error err;
	uint64_t out;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		rc = num_duration(&out, table[i].text, &err);
		ATF_CHECK_EQ_MSG(table[i].code == 0 ? 0 : -1, rc, "\"%s\"",
		    table[i].text);
		if (rc == 0)
			ATF_CHECK_EQ(table[i].value, out);
	}
}

ATF_TC_WITHOUT_HEAD(range__at_the_ends);
ATF_TC_BODY(range__at_the_ends, tc)
{
	ATF_CHECK(num_in_range(0, 0, 0));
	ATF_CHECK(num_in_range(4, 4, 8));
	ATF_CHECK(!num_in_range(4, 5, 8));
	ATF_CHECK(!num_in_range(9, 0, 8));
	ATF_CHECK(!num_in_range(UINT64_MAX, 2, UINT64_MAX));
	ATF_CHECK(!num_in_range(2, UINT64_MAX, UINT64_MAX));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, size__table);
	ATF_TP_ADD_TC(tp, u64__bounds);
	ATF_TP_ADD_TC(tp, duration__units);
	ATF_TP_ADD_TC(tp, range__at_the_ends);
	return atf_no_error();
}
