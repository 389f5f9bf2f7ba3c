/* SPDX-License-Identifier: ISC */
#include "archive/tar_head.h"

#include <atf-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

ATF_TC_WITHOUT_HEAD(encode__decodes);
ATF_TC_BODY(encode__decodes, tc)
{
	static const uint64_t sizes[] = { 0, 1, 511, UINT64_C(077777777777),
		UINT64_C(0100000000000), TAR_SIZE_MAX };
	unsigned char raw[TAR_BLOCK];
	struct tar_head h;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		tar_head_encode(raw, "memory.raw", sizes[i], '0', 0600);
		ATF_REQUIRE_EQ(0, tar_head_decode(&h, raw, NULL));
		ATF_CHECK_EQ(sizes[i], h.size);
		ATF_CHECK_EQ('0', h.type);
		ATF_CHECK(h.is_exact);
		ATF_CHECK_STREQ("memory.raw", h.path);
		/* Eleven digits, or base 256. */
		ATF_CHECK_EQ(i < 4, raw[124] != 0x80);
	}
}

ATF_TC_WITHOUT_HEAD(encode__golden);
ATF_TC_BODY(encode__golden, tc)
{
	unsigned char raw[TAR_BLOCK], want[TAR_BLOCK] = { 0 };

	tar_head_encode(raw, "cow.raw", 8704, '0', 0600);
	memcpy(want, "cow.raw", 7);
	memcpy(want + 100, "0000600", 7);
	memcpy(want + 108, "0000000", 7);
	memcpy(want + 116, "0000000", 7);
	memcpy(want + 124, "00000021000", 11);
	memcpy(want + 136, "00000000000", 11);
	memcpy(want + 148, "007623\0 ", 8);
	want[156] = '0';
	memcpy(want + 257, "ustar\00000", 8);
	memcpy(want + 329, "0000000", 7);
	memcpy(want + 337, "0000000", 7);
	ATF_CHECK_EQ(0, memcmp(raw, want, 148));
	ATF_CHECK_EQ(0, memcmp(raw + 156, want + 156, TAR_BLOCK - 156));
	ATF_CHECK_EQ(0, memcmp(raw + 154, "\0 ", 2));
}

ATF_TC_WITHOUT_HEAD(decode__every_flip);
ATF_TC_BODY(decode__every_flip, tc)
{
	unsigned char raw[TAR_BLOCK];
	struct tar_head h;
	int i, bit;

	tar_head_encode(raw, "cow.raw", 8704, '0', 0600);
	for (i = 0; i < TAR_BLOCK; i++)
		for (bit = 0; bit < 8; bit++) {
			raw[i] ^= (unsigned char)(1 << bit);
			ATF_CHECK_MSG(tar_head_decode(&h, raw, NULL) == -1 ||
				!h.is_exact,
			    "byte %d, bit %d", i, bit);
			raw[i] ^= (unsigned char)(1 << bit);
		}
}

ATF_TC_WITHOUT_HEAD(number__fields);
ATF_TC_BODY(number__fields, tc)
{
	static const struct {
		const char *field;
		int rc;
		uint64_t n;
	} table[] = {
		{ "00000000017\0", 0, 15 },
		{ "         17 ", 0, 15 },
		{ "17\0\0\0\0\0\0\0\0\0\0", 0, 15 },
		{ "777777777777", 0, UINT64_C(0777777777777) },
		{ "\0\0\0\0\0\0\0\0\0\0\0\0", 0, 0 },
		{ "\x80\0\0\0\0\0\0\0\0\0\1\2", 0, 258 },
		{ "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 0, UINT64_MAX },
		{ "\x80\0\0\1\0\0\0\0\0\0\0\0", -1, 0 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", -1, 0 },
		{ "0000000008 \0", -1, 0 },
		{ "-0000000001\0", -1, 0 },
		{ "17 17\0\0\0\0\0\0\0", -1, 0 },
	};
	uint64_t n;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		n = 0;
		rc = tar_number(&n, (const unsigned char *)table[i].field, 12,
		    NULL);
		ATF_CHECK_EQ_MSG(table[i].rc, rc, "case %zu", i);
		ATF_CHECK_EQ_MSG(table[i].n, n, "case %zu", i);
	}
}

ATF_TC_WITHOUT_HEAD(pax__length_counts_itself);
ATF_TC_BODY(pax__length_counts_itself, tc)
{
	char body[4096], value[300];
	struct tar_record r;
	size_t len = 0, pos, n;

	/* Where the length itself gains a digit. */
	for (n = 0; n < sizeof(value); n++) {
		memset(value, 'x', n);
		value[n] = '\0';
		len = 0;
		ATF_REQUIRE_EQ(0,
		    tar_pax_add(body, sizeof(body), &len, "k", value, NULL));
		pos = 0;
		ATF_REQUIRE_EQ_MSG(1, tar_pax_next(&r, &pos, body, len, NULL),
		    "%zu", n);
		ATF_CHECK_EQ(n, r.value_len);
		ATF_CHECK_EQ(len, pos);
	}
	len = 0;
	ATF_CHECK_EQ(-1, tar_pax_add(body, 8, &len, "k", value, NULL));
}

ATF_TC_WITHOUT_HEAD(pax__kinds);
ATF_TC_BODY(pax__kinds, tc)
{
	static const struct {
		const char *body;
		enum tar_sparse_kind kind;
		uint64_t size;
	} table[] = {
		{ "10 path=m\n", TAR_SPARSE_NONE, 0 },
		{ "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
		  "21 GNU.sparse.name=m\n26 GNU.sparse.realsize=42\n",
		    TAR_SPARSE_GNU_10, 42 },
		{ "22 GNU.sparse.size=42\n26 GNU.sparse.numblocks=0\n",
		    TAR_SPARSE_GNU_00, 42 },
		{ "22 GNU.sparse.size=42\n26 GNU.sparse.numblocks=1\n"
		  "22 GNU.sparse.map=0,4\n",
		    TAR_SPARSE_GNU_01, 42 },
		{ "26 COCOON.sparse.map=null\n25 COCOON.sparse.size=42\n",
		    TAR_SPARSE_COCOON, 42 },
		{ "28 SUN.holesdata=0 512 1024\n", TAR_SPARSE_NONE, 0 },
	};
	struct tar_pax pax;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		err.msg[0] = '\0';
		ATF_CHECK_EQ_MSG(0,
		    tar_pax_decode(&pax, table[i].body, strlen(table[i].body),
			&err),
		    "case %zu: %s", i, err.msg);
		ATF_CHECK_EQ(table[i].kind, pax.sparse);
		ATF_CHECK_EQ(table[i].size, pax.real_size);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, encode__decodes);
	ATF_TP_ADD_TC(tp, encode__golden);
	ATF_TP_ADD_TC(tp, decode__every_flip);
	ATF_TP_ADD_TC(tp, number__fields);
	ATF_TP_ADD_TC(tp, pax__length_counts_itself);
	ATF_TP_ADD_TC(tp, pax__kinds);
	return atf_no_error();
}
