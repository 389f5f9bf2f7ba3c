/* SPDX-License-Identifier: ISC */
#include "vmm/fc/fc_state.h"

#include <atf-c.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "base/path.h"

#define MAGIC UINT64_C(0x0710198486640000)
#define SMALL 64 /* bytes of a made state */

static void
seal(unsigned char *raw, size_t len)
{
	le64_put(raw + len - 8, fc_state_crc(0, raw, len - 8));
}

/* The form up to 1.14: numbers of fixed width. */
static void
make_bincode(unsigned char raw[SMALL], const char *version)
{
	memset(raw, 0x5a, SMALL);
	le64_put(raw, MAGIC);
	le64_put(raw + 8, strlen(version));
	memcpy(raw + 16, version, strlen(version));
	seal(raw, SMALL);
}

static void
make_bitcode(unsigned char raw[SMALL], const char *version)
{
	memset(raw, 0x5a, SMALL);
	raw[0] = 0;
	le64_put(raw + 1, MAGIC);
	raw[9] = (unsigned char)strlen(version);
	memcpy(raw + 10, version, strlen(version));
	seal(raw, SMALL);
}

/* The recorded state; the caller's. */
static char *
read_recorded(const atf_tc_t *tc, size_t *len)
{
	struct error err = { 0 };
	struct fc_state state;
	char *dir, *raw;
	int dirfd;

	dir = path_format("%s/../data/good/fc_state",
	    atf_tc_get_config_var(tc, "srcdir"));
	ATF_REQUIRE(dir != NULL);
	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, dir, true, &err));
	ATF_REQUIRE_EQ_MSG(0,
	    fc_state_read(&state, &raw, len, dirfd, "vmstate", &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(FC_STATE_BITCODE, state.form);
	ATF_CHECK_EQ(10, state.major);
	ATF_CHECK_EQ(0, state.minor);
	ATF_CHECK_EQ(0, state.patch);
	ATF_CHECK_STREQ("x86_64", state.arch);
	fd_drop(&dirfd);
	free(dir);
	return raw;
}

static void
check_refused(const unsigned char *raw, size_t len, const char *message)
{
	struct fc_state state = { .major = 77 };
	struct error err = { 0 };

	ATF_CHECK_EQ(-1, fc_state_decode(&state, raw, len, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ(message, err.msg);
	ATF_CHECK_EQ(77, state.major);
}

ATF_TC_WITHOUT_HEAD(crc__check_value);
ATF_TC_BODY(crc__check_value, tc)
{
	uint64_t crc = fc_state_crc(0, "12345", 5);

	(void)tc;
	ATF_CHECK_EQ(UINT64_C(0xe9c6d914c4b8d9ca),
	    fc_state_crc(0, "123456789", 9));
	ATF_CHECK_EQ(UINT64_C(0xe9c6d914c4b8d9ca),
	    fc_state_crc(crc, "6789", 4));
	ATF_CHECK_EQ(0, fc_state_crc(0, "", 0));
}

ATF_TC_WITHOUT_HEAD(decode__recorded);
ATF_TC_BODY(decode__recorded, tc)
{
	char id[FC_STATE_ID];
	size_t len;
	char *raw = read_recorded(tc, &len);

	ATF_CHECK_EQ(14291, len);
	ATF_CHECK_EQ(0, fc_state_crc(0, raw, len));
	ATF_CHECK(fc_state_has(raw, len, "/srv/vm/web/cow.raw"));
	ATF_CHECK(fc_state_has(raw, len, "instar0"));
	ATF_CHECK(!fc_state_has(raw, len, "/srv/vm/web/cow.rax"));
	ATF_CHECK(fc_state_has_vsock(raw, len));
	ATF_REQUIRE(fc_state_nic_id(id, raw, len));
	ATF_CHECK_STREQ("eth0", id);
	free(raw);
}

/* Whatever bit of the file flips, it is refused. */
ATF_TC_WITHOUT_HEAD(decode__recorded_with_a_bit_flipped);
ATF_TC_BODY(decode__recorded_with_a_bit_flipped, tc)
{
	size_t len, i, taken = 0;
	unsigned char *raw = (unsigned char *)read_recorded(tc, &len);
	struct fc_state state;

	for (i = 0; i < len; i += i < 64 ? 1 : 131) {
		raw[i] ^= (unsigned char)(1u << i % 8);
		if (fc_state_decode(&state, raw, len, NULL) == 0)
			taken++;
		raw[i] ^= (unsigned char)(1u << i % 8);
	}
	ATF_CHECK_EQ(0, taken);
	ATF_CHECK_EQ(0, fc_state_decode(&state, raw, len, NULL));
	free(raw);
}

ATF_TC_WITHOUT_HEAD(decode__recorded_cut_anywhere);
ATF_TC_BODY(decode__recorded_cut_anywhere, tc)
{
	size_t len, i, taken = 0;
	unsigned char *raw = (unsigned char *)read_recorded(tc, &len);
	struct fc_state state;

	for (i = 0; i < len; i += i < 64 ? 1 : 131)
		if (fc_state_decode(&state, raw, i, NULL) == 0)
			taken++;
	ATF_CHECK_EQ(0, taken);
	free(raw);
}

ATF_TC_WITHOUT_HEAD(decode__both_forms);
ATF_TC_BODY(decode__both_forms, tc)
{
	unsigned char raw[SMALL];
	struct error err = { 0 };
	struct fc_state state;

	(void)tc;
	make_bincode(raw, "8.0.0");
	ATF_REQUIRE_EQ_MSG(0, fc_state_decode(&state, raw, SMALL, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(FC_STATE_BINCODE, state.form);
	ATF_CHECK_EQ(8, state.major);
	make_bitcode(raw, "9.10.11");
	ATF_REQUIRE_EQ_MSG(0, fc_state_decode(&state, raw, SMALL, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(FC_STATE_BITCODE, state.form);
	ATF_CHECK_EQ(9, state.major);
	ATF_CHECK_EQ(10, state.minor);
	ATF_CHECK_EQ(11, state.patch);
	make_bincode(raw, "8.0.0");
	le64_put(raw, UINT64_C(0x07101984aaaa0000));
	seal(raw, SMALL);
	ATF_REQUIRE_EQ(0, fc_state_decode(&state, raw, SMALL, &err));
	ATF_CHECK_STREQ("aarch64", state.arch);
}

ATF_TC_WITHOUT_HEAD(decode__head_wrong);
ATF_TC_BODY(decode__head_wrong, tc)
{
	static const char *const texts[] = { "10", "10.0", "10.0.", "10.0.0.0",
		"10.0.x", "10..0", "010.0.0", "-1.0.0", "10000.0.0", " 1.0.0",
		"4294967297.0.0", "1.0.0x" };
	unsigned char raw[SMALL] = { 0 };
	char message[64];
	size_t i;

	(void)tc;
	check_refused(raw, 0, "ends at byte 0, within its head");
	check_refused(raw, 23, "ends at byte 23, within its head");
	check_refused(raw, SMALL, "magic 0000000000000000: not Firecracker's");
	make_bitcode(raw, "10.0.0");
	raw[1] = 1;
	seal(raw, SMALL);
	check_refused(raw, SMALL, "magic 1019848664000100: not Firecracker's");
	make_bincode(raw, "8.0.0");
	le64_put(raw + 8, UINT64_MAX);
	seal(raw, SMALL);
	check_refused(raw, SMALL,
	    "version: a text of 18446744073709551615 bytes");
	le64_put(raw + 8, 0);
	seal(raw, SMALL);
	check_refused(raw, SMALL, "version: a text of 0 bytes");
	make_bitcode(raw, "10.0.0");
	raw[9] = 255;
	seal(raw, SMALL);
	check_refused(raw, SMALL, "version: a text of 255 bytes");
	make_bitcode(raw, "10.0.0");
	raw[12] = 0;
	seal(raw, SMALL);
	check_refused(raw, SMALL, "version: \"10\"");
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		make_bitcode(raw, texts[i]);
		snprintf(message, sizeof(message), "version: \"%s\"", texts[i]);
		check_refused(raw, SMALL, message);
	}
}

ATF_TC_WITHOUT_HEAD(decode__crc_wrong);
ATF_TC_BODY(decode__crc_wrong, tc)
{
	unsigned char raw[SMALL];
	char message[128];
	uint64_t crc;

	(void)tc;
	make_bincode(raw, "8.0.0");
	crc = le64(raw + SMALL - 8);
	le64_put(raw + SMALL - 8, 0);
	snprintf(message, sizeof(message),
	    "CRC: 0000000000000000 at its end, the file has %016" PRIx64, crc);
	check_refused(raw, SMALL, message);
}

/* As long as Firecracker reads, and one byte longer. */
ATF_TC_WITHOUT_HEAD(decode__longest);
ATF_TC_BODY(decode__longest, tc)
{
	unsigned char *raw = calloc(1, FC_STATE_BYTES_MAX + 1);
	struct error err = { 0 };
	struct fc_state state;

	(void)tc;
	ATF_REQUIRE(raw != NULL);
	make_bitcode(raw, "10.0.0");
	seal(raw, FC_STATE_BYTES_MAX);
	ATF_CHECK_EQ_MSG(0,
	    fc_state_decode(&state, raw, FC_STATE_BYTES_MAX, &err), "%s",
	    err.msg);
	seal(raw, FC_STATE_BYTES_MAX + 1);
	check_refused(raw, FC_STATE_BYTES_MAX + 1,
	    "10000001 bytes, more than Firecracker reads");
	free(raw);
}

ATF_TC_WITHOUT_HEAD(read__no_regular_file);
ATF_TC_BODY(read__no_regular_file, tc)
{
	struct error err = { 0 };
	struct fc_state state;
	int dirfd, fd;

	(void)tc;
	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, ".", false, &err));
	ATF_CHECK_EQ(-1,
	    fc_state_read(&state, NULL, NULL, dirfd, "none", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_REQUIRE_EQ(0, symlink("/dev/zero", "link"));
	ATF_CHECK_EQ(-1,
	    fc_state_read(&state, NULL, NULL, dirfd, "link", &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	fd = open("empty", O_WRONLY | O_CREAT, 0600);
	ATF_REQUIRE(fd != -1);
	fd_drop(&fd);
	ATF_CHECK_EQ(-1,
	    fc_state_read(&state, NULL, NULL, dirfd, "empty", &err));
	ATF_CHECK_STREQ("empty: ends at byte 0, within its head", err.msg);
	fd_drop(&dirfd);
}

ATF_TC_WITHOUT_HEAD(version__check);
ATF_TC_BODY(version__check, tc)
{
	static const struct {
		const char *version, *message; /* NULL: taken */
	} cases[] = {
		{ "1.13.0", NULL },
		{ "v1.16.1", NULL },
		{ "1.16", NULL },
		{ "1.16.0-dirty", NULL },
		{ "1.12.3", "Firecracker 1.12.3: not one of 1.13 to 1.16" },
		{ "1.17.0", "Firecracker 1.17.0: not one of 1.13 to 1.16" },
		{ "2.14.0", "Firecracker 2.14.0: not one of 1.13 to 1.16" },
		{ "0.14.0", "Firecracker 0.14.0: not one of 1.13 to 1.16" },
		{ "", "Firecracker \"\": no version" },
		{ "1", "Firecracker \"1\": no version" },
		{ "1.x", "Firecracker \"1.x\": no version" },
		{ "1.14x", "Firecracker \"1.14x\": no version" },
		{ "99999999999999999999.1.0",
		    "Firecracker \"99999999999999999999.1.0\": no version" },
	};
	struct error err;
	unsigned minor;
	size_t i;
	int rc;

	(void)tc;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		rc = fc_version_check(&minor, cases[i].version, &err);
		ATF_CHECK_EQ(cases[i].message == NULL ? 0 : -1, rc);
		if (cases[i].message != NULL) {
			ATF_CHECK_STREQ(cases[i].message, err.msg);
			ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		}
	}
}

ATF_TC_WITHOUT_HEAD(check_version__pairs);
ATF_TC_BODY(check_version__pairs, tc)
{
	static const struct {
		unsigned major, state_minor, minor;
		const char *message;
	} cases[] = {
		{ 8, 0, 13, NULL },
		{ 8, 0, 14, NULL },
		{ 9, 0, 15, NULL },
		{ 10, 0, 16, NULL },
		{ 10, 1, 16,
		    "version: 10.1.0 of Firecracker 1.16, Firecracker 1.16 "
		    "loads 10.0" },
		{ 9, 0, 16,
		    "version: 9.0.0 of Firecracker 1.15, Firecracker 1.16 "
		    "loads 10.0" },
		{ 8, 0, 15,
		    "version: 8.0.0 of Firecracker 1.13, Firecracker 1.15 "
		    "loads 9.0" },
		{ 6, 0, 13,
		    "version: 6.0.0 of Firecracker 1.12, Firecracker 1.13 "
		    "loads 8.0" },
		{ 11, 0, 16,
		    "version: 11.0.0 of no Firecracker known here, "
		    "Firecracker 1.16 loads 10.0" },
	};
	struct fc_state state = { .form = FC_STATE_BITCODE, .arch = "x86_64" };
	struct error err;
	size_t i;
	int rc;

	(void)tc;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&err, 0, sizeof(err));
		state.major = cases[i].major;
		state.minor = cases[i].state_minor;
		rc = fc_state_check_version(&state, cases[i].minor, &err);
		ATF_CHECK_EQ(cases[i].message == NULL ? 0 : -1, rc);
		if (cases[i].message != NULL) {
			ATF_CHECK_STREQ(cases[i].message, err.msg);
			ATF_CHECK_EQ(EX_CONFIG, err.code);
		}
	}
}

/* Texts as a state has them, each behind its length. */
ATF_TC_WITHOUT_HEAD(nic_id__tables);
ATF_TC_BODY(nic_id__tables, tc)
{
#define MAC                                                                    \
	"\x11"                                                                 \
	"06:00:ac:10:00:00"
#define ZEROS "\0\0\0\0\0\0\1"
	static const struct {
		const char *raw;
		size_t len;
		const char *id;
	} cases[] = {
#define CASE(text, id) { text, sizeof(text) - 1, id }
		CASE("\4net1\4net1\5fctx0" ZEROS MAC, "net1"),
		CASE("\6rootfs\6rootfs\7cow.raw\4net1\4net1\4br.1" ZEROS MAC,
		    "net1"),
		CASE("\1a\1a\1b" MAC, "a"),
		CASE("\4net1\4net2\5fctx0" ZEROS MAC, NULL),
		CASE("\4net1\5fctx0" ZEROS MAC, NULL),
		CASE("\4ne/1\4ne/1\5fctx0" ZEROS MAC, NULL),
		CASE("\4net1\4net1\020aaaaaaaaaaaaaaaa" ZEROS MAC, NULL),
		CASE("\4net1\4net1\4a/bc" ZEROS MAC, NULL),
		CASE("\4net1\4net1", NULL),
		CASE("\4net1\4net1\5fctx0" ZEROS MAC MAC, NULL),
		CASE("\40aaaaaaaabbbbbbbbaaaaaaaabbbbbbbb"
		     "\40aaaaaaaabbbbbbbbaaaaaaaabbbbbbbb\1t" MAC,
		    NULL),
		CASE(MAC, NULL),
		CASE("", NULL),
#undef CASE
	};
	char id[FC_STATE_ID];
	size_t i;

	(void)tc;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool has = fc_state_nic_id(id, cases[i].raw, cases[i].len);

		ATF_CHECK_EQ_MSG(cases[i].id != NULL, has, "case %zu", i);
		if (has && cases[i].id != NULL)
			ATF_CHECK_STREQ(cases[i].id, id);
	}
}

ATF_TC_WITHOUT_HEAD(vsock__both_forms);
ATF_TC_BODY(vsock__both_forms, tc)
{
	(void)tc;
	ATF_CHECK(fc_state_has_vsock("\1\5vsock\2", 8));
	ATF_CHECK(fc_state_has_vsock("\5\0\0\0\0\0\0\0vsock", 13));
	ATF_CHECK(!fc_state_has_vsock("\5\0\0\0\0\0\0\0vsoc", 12));
	ATF_CHECK(!fc_state_has_vsock("\6vsocks\7a/vsock", 15));
	ATF_CHECK(!fc_state_has_vsock("", 0));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, crc__check_value);
	ATF_TP_ADD_TC(tp, decode__recorded);
	ATF_TP_ADD_TC(tp, decode__recorded_with_a_bit_flipped);
	ATF_TP_ADD_TC(tp, decode__recorded_cut_anywhere);
	ATF_TP_ADD_TC(tp, decode__both_forms);
	ATF_TP_ADD_TC(tp, decode__head_wrong);
	ATF_TP_ADD_TC(tp, decode__crc_wrong);
	ATF_TP_ADD_TC(tp, decode__longest);
	ATF_TP_ADD_TC(tp, read__no_regular_file);
	ATF_TP_ADD_TC(tp, version__check);
	ATF_TP_ADD_TC(tp, check_version__pairs);
	ATF_TP_ADD_TC(tp, nic_id__tables);
	ATF_TP_ADD_TC(tp, vsock__both_forms);
	return atf_no_error();
}
