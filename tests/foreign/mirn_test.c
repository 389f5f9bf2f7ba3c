/* SPDX-License-Identifier: ISC */
#include "foreign/mirn.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A header that the original program wrote comes out byte by byte. */
static void
check_fixture(const atf_tc_t *tc, const char *name)
{
	struct mirn_head head = { 0 };
	struct error err = { 0 };
	unsigned char *raw;
	char *dir, *file;
	size_t len, file_len, json_len;
	int dirfd;

	dir = path_format("%s/../data/good/mirn",
	    atf_tc_get_config_var(tc, "srcdir"));
	ATF_REQUIRE(dir != NULL);
	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, dir, true, &err));
	ATF_REQUIRE_EQ_MSG(0,
	    fd_slurp(&file, &file_len, dirfd, name, 1u << 20, &err), "%s",
	    err.msg);
	ATF_REQUIRE(file_len >= MIRN_FIXED_BYTES);
	ATF_REQUIRE_EQ(0,
	    mirn_fixed_decode(&json_len, (unsigned char *)file, &err));
	ATF_REQUIRE_EQ_MSG(0,
	    mirn_head_decode(&head, file + MIRN_FIXED_BYTES, json_len, &err),
	    "%s", err.msg);
	ATF_REQUIRE_EQ(0, mirn_head_encode(&raw, &len, &head, &err));
	ATF_CHECK_EQ(json_len + MIRN_FIXED_BYTES, len);
	ATF_CHECK_EQ_MSG(0, memcmp(file, raw, len), "%s", name);
	head.checksum[0] = '\0';
	free(raw);
	ATF_REQUIRE_EQ(0, mirn_head_encode(&raw, &file_len, &head, &err));
	ATF_CHECK_EQ_MSG(len, file_len, "%s without its checksum", name);
	mirn_head_fini(&head);
	free(raw);
	free(file);
	free(dir);
	fd_drop(&dirfd);
}

ATF_TC_WITHOUT_HEAD(head__as_the_original_writes_it);
ATF_TC_BODY(head__as_the_original_writes_it, tc)
{
	check_fixture(tc, "miren-data.mirn");
	check_fixture(tc, "miren-empty.mirn");
	check_fixture(tc, "miren-zeros.mirn");
	check_fixture(tc, "miren-odd.mirn");
}

struct text {
	const char *name, *json;
};

ATF_TC_WITHOUT_HEAD(head__escapes);
ATF_TC_BODY(head__escapes, tc)
{
	static const struct text table[] = {
		{ "", "" },
		{ "a b/c", "a b/c" },
		{ "\"\\", "\\\"\\\\" },
		{ "\n\r\t\b\f", "\\n\\r\\t\\b\\f" },
		{ "\x01\x1f\x7f", "\\u0001\\u001f\x7f" },
		{ "<&>", "\\u003c\\u0026\\u003e" },
		{ "\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac" },
		{ "\xe2\x80\xa7|\xe2\x80\xa8|\xe2\x80\xa9",
		    "\xe2\x80\xa7|\\u2028|\\u2029" },
	};
	struct mirn_head head = { 0 }, back = { 0 };
	struct error err = { 0 };
	unsigned char *raw;
	char *want;
	size_t len, i;

	memcpy(head.timestamp, "2026-11-21T08:00:00Z", 21);
	memcpy(head.checksum, SUM, sizeof(SUM));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ATF_REQUIRE_EQ(0,
		    mirn_head_name(&head, table[i].name, "ext4", &err));
		ATF_REQUIRE_EQ(0, mirn_head_encode(&raw, &len, &head, &err));
		want = path_format("{\"name\":\"%s\",\"size_bytes\":0,"
				   "\"filesystem\":\"ext4\",\"timestamp\":"
				   "\"2026-11-21T08:00:00Z\",\"checksum\":\"%s"
				   "\",\"version\":1}",
		    table[i].json, SUM);
		ATF_REQUIRE_EQ(strlen(want), len - MIRN_FIXED_BYTES);
		ATF_CHECK_EQ_MSG(0,
		    memcmp(want, raw + MIRN_FIXED_BYTES, strlen(want)), "%s",
		    want);
		ATF_REQUIRE_EQ_MSG(0,
		    mirn_head_decode(&back, (char *)raw + MIRN_FIXED_BYTES,
			len - MIRN_FIXED_BYTES, &err),
		    "%s", err.msg);
		ATF_CHECK_STREQ(table[i].name, back.name);
		mirn_head_fini(&back);
		free(want);
		free(raw);
	}
	mirn_head_fini(&head);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, head__as_the_original_writes_it);
	ATF_TP_ADD_TC(tp, head__escapes);
	return atf_no_error();
}
