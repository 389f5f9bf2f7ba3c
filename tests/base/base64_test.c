/* SPDX-License-Identifier: ISC */
#include "base/base64.h"

#include "base/clock.h"
#include "base/proc.h"
#include "lib/disk_make.h"

#define DATA_BYTES 3000

/* RFC 4648, section 10. */
ATF_TC_WITHOUT_HEAD(put__vectors);
ATF_TC_BODY(put__vectors, tc)
{
	static const char *const table[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	char out[BASE64_ROOM(6)];
	size_t i, len;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		len = strlen(table[i][0]);
		base64_put(out, (const unsigned char *)table[i][0], len);
		ATF_CHECK_STREQ(table[i][1], out);
		ATF_CHECK_EQ(BASE64_ROOM(len), strlen(out) + 1);
	}
}

/* Every digit, by the bytes that stand for 0 to 63 in groups of six bits. */
ATF_TC_WITHOUT_HEAD(put__every_digit);
ATF_TC_BODY(put__every_digit, tc)
{
	unsigned char raw[48];
	char out[BASE64_ROOM(sizeof(raw))];
	unsigned i, group;

	for (i = 0; i < 16; i++) {
		group = (i * 4) << 18 | (i * 4 + 1) << 12 | (i * 4 + 2) << 6 |
		    (i * 4 + 3);
		raw[i * 3] = (unsigned char)(group >> 16);
		raw[i * 3 + 1] = (unsigned char)(group >> 8);
		raw[i * 3 + 2] = (unsigned char)group;
	}
	base64_put(out, raw, sizeof(raw));
	ATF_CHECK_STREQ("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"abcdefghijklmnopqrstuvwxyz0123456789+/",
	    out);
}

/* Writes nothing past what BASE64_ROOM says. */
ATF_TC_WITHOUT_HEAD(put__room);
ATF_TC_BODY(put__room, tc)
{
	static const unsigned char raw[8] = { 0, 255, 1, 254, 2, 253, 3, 252 };
	char out[BASE64_ROOM(sizeof(raw)) + 1];
	size_t n;

	for (n = 0; n <= sizeof(raw); n++) {
		memset(out, '#', sizeof(out));
		base64_put(out, raw, n);
		ATF_CHECK_EQ('\0', out[BASE64_ROOM(n) - 1]);
		ATF_CHECK_EQ('#', out[BASE64_ROOM(n)]);
	}
}

/* Binary data of any length, NULs too, as coreutils' base64 puts it. */
ATF_TC(put__as_coreutils);
ATF_TC_HEAD(put__as_coreutils, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "base64");
}
ATF_TC_BODY(put__as_coreutils, tc)
{
	static const size_t lens[] = { 0, 1, 2, 3, 57, 58, 255, 1024,
		DATA_BYTES };
	unsigned char raw[DATA_BYTES];
	char ours[BASE64_ROOM(DATA_BYTES)], theirs[BASE64_ROOM(DATA_BYTES)];
	uint64_t state = 4648;
	char name[] = "base64", option[] = "-w", none[] = "0", file[] = "raw";
	char *const argv[] = { name, option, none, file, NULL };
	const struct proc_run run = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.out = theirs,
		.out_cap = sizeof(theirs),
		.deadline_ms = clock_ms() + 60000 };
	struct error err = { 0 };
	size_t i, k;
	int fd;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		for (k = 0; k < lens[i]; k++)
			raw[k] = (unsigned char)(make_random(&state) >> 32);
		unlink("raw");
		fd = make_file("raw", 0);
		make_data(fd, 0, raw, lens[i]);
		close(fd);
		ATF_REQUIRE_EQ_MSG(0, proc_run(&run, &err), "%s", err.msg);
		base64_put(ours, raw, lens[i]);
		ATF_CHECK_STREQ(theirs, ours);
	}
}

/* What was put comes back; nothing is written past BASE64_RAW. */
ATF_TC_WITHOUT_HEAD(get__round_trip);
ATF_TC_BODY(get__round_trip, tc)
{
	unsigned char raw[257], back[BASE64_RAW(344) + 1];
	char text[BASE64_ROOM(sizeof(raw))];
	size_t len, i;
	ssize_t got;

	for (i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)(i * 7 + i / 256);
	for (len = 0; len <= sizeof(raw); len++) {
		base64_put(text, raw, len);
		memset(back, '#', sizeof(back));
		got = base64_get(back, text, strlen(text));
		ATF_CHECK_EQ((ssize_t)len, got);
		ATF_CHECK(memcmp(raw, back, len) == 0);
		ATF_CHECK_EQ('#', back[BASE64_RAW(strlen(text))]);
	}
}

ATF_TC_WITHOUT_HEAD(get__wrong);
ATF_TC_BODY(get__wrong, tc)
{
	static const char *const table[] = { "Z", "Zg",
		"Zg=", "Zh==", "Zm9=", "Zm9v=", "Zm9v====", "====", "=",
		"Z===", "Zg==Zg==", "Zm=v", "Zm9v\n", "Zm 9", "Zm9-", "Zm9_",
		"Zm9vZg", "Zm9vZ===", "Z-_=", "\303\244aa" };
	unsigned char out[16];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		ATF_CHECK_EQ_MSG(-1,
		    base64_get(out, table[i], strlen(table[i])), "%s",
		    table[i]);
	ATF_CHECK_EQ(-1, base64_get(out, "Zm9\0", 4));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, put__vectors);
	ATF_TP_ADD_TC(tp, put__every_digit);
	ATF_TP_ADD_TC(tp, put__room);
	ATF_TP_ADD_TC(tp, put__as_coreutils);
	ATF_TP_ADD_TC(tp, get__round_trip);
	ATF_TP_ADD_TC(tp, get__wrong);
	return atf_no_error();
}
