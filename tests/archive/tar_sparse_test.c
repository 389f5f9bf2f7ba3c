/* SPDX-License-Identifier: ISC */
#include "archive/tar_sparse.h"

#include <atf-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SIZE (UINT64_C(8) << 40)

ATF_TC_WITHOUT_HEAD(add__comes_back);
ATF_TC_BODY(add__comes_back, tc)
{
	static const uint64_t runs[][2] = { { 0, 1 }, { 1, 4095 },
		{ 4096, 4096 }, { 8192 + 512, 512 }, { 1 << 20, 1 << 30 },
		{ UINT64_C(1) << 42, UINT64_C(1) << 42 } };
	struct sparse_map map = { 0 };
	struct sparse_iter it;
	uint64_t off, len;
	size_t i, n = sizeof(runs) / sizeof(runs[0]);

	for (i = 0; i < n; i++)
		ATF_REQUIRE_EQ(0,
		    sparse_map_add(&map, runs[i][0], runs[i][1], SIZE, NULL));
	ATF_REQUIRE_EQ(0, sparse_map_add(&map, SIZE, 0, SIZE, NULL));
	ATF_CHECK_EQ(n, map.runs);
	sparse_iter_init(&it, &map);
	for (i = 0; i < n; i++) {
		ATF_REQUIRE(sparse_iter_next(&it, &off, &len));
		ATF_CHECK_EQ(runs[i][0], off);
		ATF_CHECK_EQ(runs[i][1], len);
	}
	ATF_CHECK(!sparse_iter_next(&it, &off, &len));
	sparse_map_fini(&map);
}

ATF_TC_WITHOUT_HEAD(add__refuses);
ATF_TC_BODY(add__refuses, tc)
{
	struct sparse_map map = { 0 };
	struct error err;

	ATF_REQUIRE_EQ(0, sparse_map_add(&map, 4096, 4096, 65536, &err));
	ATF_CHECK_EQ(-1, sparse_map_add(&map, 8191, 1, 65536, &err));
	ATF_CHECK_STREQ("sparse map: run at byte 8191 is out of order or "
			"overlaps",
	    err.msg);
	ATF_CHECK_EQ(-1, sparse_map_add(&map, 65536, 1, 65536, &err));
	ATF_CHECK_EQ(-1,
	    sparse_map_add(&map, 8192, UINT64_MAX - 4096, 65536, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_EQ(1, map.runs);
	sparse_map_fini(&map);
}

ATF_TC_WITHOUT_HEAD(add__million_runs_stay_small);
ATF_TC_BODY(add__million_runs_stay_small, tc)
{
	struct sparse_map map = { 0 };
	struct sparse_iter it;
	uint64_t i, off, len;

	for (i = 0; i < 4000000; i++)
		ATF_REQUIRE_EQ(0,
		    sparse_map_add(&map, i * 12288, 4096, SIZE, NULL));
	ATF_CHECK(map.cap <= 8u << 20);
	sparse_iter_init(&it, &map);
	for (i = 0; sparse_iter_next(&it, &off, &len); i++)
		if (off != i * 12288 || len != 4096)
			atf_tc_fail("run %" PRIu64, i);
	ATF_CHECK_EQ(4000000, i);
	sparse_map_fini(&map);
}

ATF_TC_WITHOUT_HEAD(add__bounded);
ATF_TC_BODY(add__bounded, tc)
{
	struct sparse_map map = { 0 };
	struct error err = { 0 };
	uint64_t i;
	int rc = 0;

	for (i = 0; i < SPARSE_MAP_BYTES_MAX && rc == 0; i++)
		rc = sparse_map_add(&map, i * 70000 + 1, 1, SIZE, &err);
	ATF_CHECK_EQ(-1, rc);
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK(map.cap <= SPARSE_MAP_BYTES_MAX);
	sparse_map_fini(&map);
}

ATF_TC_WITHOUT_HEAD(text__across_blocks);
ATF_TC_BODY(text__across_blocks, tc)
{
	unsigned char blocks[8 * TAR_BLOCK] = { 0 };
	struct sparse_map map = { 0 };
	struct sparse_text text;
	size_t len = 0, i, used = 0;

	len += (size_t)sprintf((char *)blocks, "200\n");
	for (i = 0; i < 200; i++)
		len += (size_t)sprintf((char *)blocks + len, "%zu\n%d\n",
		    i * 8192, 4096);
	sparse_text_init(&text, SIZE);
	for (; !text.is_done; used += TAR_BLOCK)
		ATF_REQUIRE_EQ(0,
		    sparse_text_block(&text, &map, blocks + used, NULL));
	ATF_CHECK_EQ((len + 511) / 512 * 512, used);
	ATF_CHECK_EQ(200, map.runs);
	ATF_CHECK_EQ(199 * 8192 + 4096, map.end);
	sparse_map_fini(&map);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, add__comes_back);
	ATF_TP_ADD_TC(tp, add__refuses);
	ATF_TP_ADD_TC(tp, add__million_runs_stay_small);
	ATF_TP_ADD_TC(tp, add__bounded);
	ATF_TP_ADD_TC(tp, text__across_blocks);
	return atf_no_error();
}
