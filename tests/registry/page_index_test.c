/* SPDX-License-Identifier: ISC */
#include "registry/page_index.h"

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/sha256.h"
#include "disk/verity.h"
#include "registry/leaf.h"

static const struct part parts[] = {
	{ .kind = PART_PACK, .blob = { .bytes = 9000 } },
	{ .kind = PART_TREE, .blob = { .bytes = 5000 } },
};
static const struct part_list list = { parts, 2 };

static void
add(struct page_index *x, uint32_t number, int fill)
{
	struct page_group group = { number, 1, 74, 100, { { 0 } } };

	memset(group.hash.raw, fill, DIGEST_BYTES);
	ATF_REQUIRE_EQ(0, page_index_add_group(x, &group, NULL));
}

/* An empty file, one of zeros, and one of four groups of which two have data. */
static void
sample(unsigned char **raw, size_t *len, struct page_index *x)
{
	memset(x, 0, sizeof(*x));
	x->depth = 3;
	x->parts_n = 2;
	ATF_REQUIRE_EQ(0, page_index_add_file(x, 0, NULL));
	ATF_REQUIRE_EQ(0, page_index_add_file(x, 1u << 30, NULL));
	ATF_REQUIRE_EQ(0,
	    page_index_add_file(x, 3 * LEAF_GROUP + LEAF_PAGE + 1, NULL));
	add(x, 1, 7);
	add(x, 3, 9);
	ATF_REQUIRE_EQ(0, page_index_encode(raw, len, x, NULL));
	ATF_REQUIRE_EQ(32 + 3 * 16 + 2 * 48, *len);
}

ATF_TC_WITHOUT_HEAD(index__round_trip);
ATF_TC_BODY(index__round_trip, tc)
{
	const struct page_group *group;
	struct page_index x, back;
	struct error err = { 0 };
	unsigned char *raw, *again;
	size_t len, again_len;

	sample(&raw, &len, &x);
	ATF_REQUIRE_EQ_MSG(0, page_index_decode(&back, raw, len, &list, &err),
	    "%s", err.msg);
	ATF_CHECK_EQ(3, back.depth);
	ATF_CHECK_EQ(3, back.files_n);
	ATF_CHECK(page_index_find(&back, &back.files[2], 0) == NULL);
	ATF_CHECK(page_index_find(&back, &back.files[2], 2) == NULL);
	ATF_CHECK(page_index_find(&back, &back.files[1], 1) == NULL);
	group = page_index_find(&back, &back.files[2], 3);
	ATF_REQUIRE(group != NULL);
	ATF_CHECK_EQ(9, group->hash.raw[31]);
	ATF_CHECK_EQ(74, group->len);
	ATF_CHECK_EQ(128, page_index_pages(&back.files[2], 1));
	ATF_CHECK_EQ(2, page_index_pages(&back.files[2], 3));
	ATF_REQUIRE_EQ(0, page_index_encode(&again, &again_len, &back, NULL));
	ATF_REQUIRE_EQ(len, again_len);
	ATF_CHECK_EQ(0, memcmp(raw, again, len));
	free(raw);
	free(again);
	page_index_fini(&x);
	page_index_fini(&back);
}

/* In memory of the caller's, as much as it has groups. */
ATF_TC_WITHOUT_HEAD(index__in_room);
ATF_TC_BODY(index__in_room, tc)
{
	struct page_group room[3], group = { 0 };
	struct error err = { 0 };
	struct page_index x, back;
	unsigned char *raw;
	size_t len;

	sample(&raw, &len, &x);
	ATF_CHECK_EQ(2, page_index_room(raw, len));
	ATF_CHECK_EQ(0, page_index_room(raw, len - 1));
	ATF_CHECK_EQ(0, page_index_room(raw, PAGE_INDEX_HEAD - 1));
	ATF_REQUIRE_EQ(0,
	    page_index_decode_in(&back, room, 2, raw, len, &list, NULL));
	ATF_CHECK_EQ(&room[0], back.groups);
	ATF_CHECK_EQ(&room[1], page_index_find(&back, &back.files[2], 3));
	ATF_CHECK_EQ(-1, page_index_add_group(&back, &group, NULL));
	page_index_fini(&back);
	ATF_CHECK_EQ(-1,
	    page_index_decode_in(&back, room, 1, raw, len, &list, &err));
	ATF_CHECK_STREQ("index: file 2: more than 1 groups", err.msg);
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	free(raw);
	page_index_fini(&x);
}

/* The bytes that instar-registry(5) draws. */
ATF_TC_WITHOUT_HEAD(index__layout);
ATF_TC_BODY(index__layout, tc)
{
	static const unsigned char start[96] = { 'I', 'N', 'S', 'T', 'A', 'R',
		'I', 'X', 1, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2,
		/* files */
		[51] = 0x40, [65] = 0x10, [64] = 1, [66] = 0x18, [72] = 2,
		/* the first group */
		[80] = 1, [84] = 1, [86] = 74, [88] = 100 };
	struct page_index x;
	unsigned char *raw;
	size_t len;

	sample(&raw, &len, &x);
	ATF_CHECK_EQ(0, memcmp(start, raw, sizeof(start)));
	ATF_CHECK_EQ(7, raw[96]);
	ATF_CHECK_EQ(7, raw[127]);
	ATF_CHECK_EQ(3, raw[128]);
	free(raw);
	page_index_fini(&x);
}

/* What is done to the sample: `value` put at `at`. */
static const struct {
	const char *message;
	size_t at;
	unsigned width;
	uint64_t value;
	int longer;
} bad[] = {
	{ "no index", 0, 1, 'i', 0 },
	{ "no index", 0, 0, 0, -1000 },
	{ "version 2, not 1", 8, 4, 2, 0 },
	{ "version 0, not 1", 8, 4, 0, 0 },
	{ "depth of 17", 12, 4, 17, 0 },
	{ "depth of 4294967295", 12, 4, UINT32_MAX, 0 },
	{ "4097 files", 16, 4, 4097, 0 },
	{ "4294967295 files", 16, 4, UINT32_MAX, 0 },
	{ "3 parts, listed are 2", 20, 4, 3, 0 },
	{ "1 parts, listed are 2", 20, 4, 1, 0 },
	{ "4194305 groups", 24, 8, 4194305, 0 },
	{ "18446744073709551615 groups", 24, 8, UINT64_MAX, 0 },
	{ "176 bytes for 2 files and 2 groups", 16, 4, 2, 0 },
	{ "176 bytes for 3 files and 3 groups", 24, 8, 3, 0 },
	{ "177 bytes for 3 files and 2 groups", 0, 0, 0, 1 },
	{ "175 bytes for 3 files and 2 groups", 0, 0, 0, -1 },
	{ "file 0: 8796093022209 bytes", 32, 8, (UINT64_C(8) << 40) + 1, 0 },
	{ "file 0: 18446744073709551615 bytes", 32, 8, UINT64_MAX, 0 },
	{ "file 0: 0 bytes", 44, 4, 1, 0 },
	{ "file 2: 3 groups, left are 2", 72, 4, 3, 0 },
	{ "file 2: 4294967295 groups, left are 2", 72, 4, UINT32_MAX, 0 },
	{ "1 groups of no file", 72, 4, 1, 0 },
	{ "file 0: group 1 of 0 is out of order or range", 40, 4, 1, 0 },
	{ "file 2: group 4 of 4 is out of order or range", 128, 4, 4, 0 },
	{ "file 2: group 4294967295 of 4 is out of order or range", 128, 4,
	    UINT32_MAX, 0 },
	{ "file 2: group 1 of 4 is out of order or range", 128, 4, 1, 0 },
	{ "file 2: group 0 of 4 is out of order or range", 128, 4, 0, 0 },
	{ "file 2: group 3 of 3 is out of order or range", 64, 8,
	    3 * LEAF_GROUP, 0 },
	{ "file 2: group 1: part 0 is no tree", 84, 2, 0, 0 },
	{ "file 2: group 1: part 2 is no tree", 84, 2, 2, 0 },
	{ "file 2: group 1: part 65535 is no tree", 84, 2, 65535, 0 },
	{ "file 2: group 1: 23 bytes at 100 of a tree of 5000", 86, 2, 23, 0 },
	{ "file 2: group 1: 6425 bytes at 100 of a tree of 5000", 86, 2, 6425,
	    0 },
	{ "file 2: group 1: 74 bytes at 4927 of a tree of 5000", 88, 8, 4927,
	    0 },
	{ "file 2: group 1: 74 bytes at 18446744073709551615 of a tree of 5000",
	    88, 8, UINT64_MAX, 0 },
};

ATF_TC_WITHOUT_HEAD(index__bad);
ATF_TC_BODY(index__bad, tc)
{
	struct page_index x, back;
	unsigned char *raw, buf[256] = { 0 }, le[8];
	const char *got;
	struct error err;
	size_t i, len;

	sample(&raw, &len, &x);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(buf, raw, len);
		le64_put(le, bad[i].value);
		memcpy(buf + bad[i].at, le, bad[i].width);
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1,
		    page_index_decode(&back, buf,
			bad[i].longer < -100
			    ? 31
			    : (size_t)((int)len + bad[i].longer),
			&list, &err),
		    "%s", bad[i].message);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_REQUIRE_EQ(0, strncmp(err.msg, "index: ", 7));
		got = err.msg + 7;
		ATF_CHECK_STREQ(bad[i].message, got);
	}
	free(raw);
	page_index_fini(&x);
}

/* A file of `bytes` bytes, of which every third group is zeros. */
static void
compare(uint64_t bytes)
{
	static unsigned char page[LEAF_PAGE];
	struct page_index x = { 0 };
	struct page_group group = { 0 };
	struct digest want, got;
	uint64_t off, number;
	struct verity *v;
	struct leaf leaf;
	unsigned i;
	size_t len;

	ATF_REQUIRE_EQ(0, verity_new(&v, NULL));
	ATF_REQUIRE_EQ(0, page_index_add_file(&x, bytes, NULL));
	for (number = 0; number * LEAF_GROUP < bytes; number++) {
		group.number = (uint32_t)number;
		leaf_init(&leaf, page_index_pages(&x.files[0], group.number));
		for (i = 0; i < leaf.pages; i++) {
			off = number * LEAF_GROUP + i * (uint64_t)LEAF_PAGE;
			len = bytes - off < LEAF_PAGE ? (size_t)(bytes - off)
						      : LEAF_PAGE;
			memset(page, 0, sizeof(page));
			memset(page, number % 3 == 2 ? 0 : (int)(off >> 12) | 1,
			    len);
			ATF_REQUIRE_EQ(0, verity_data(v, page, len, NULL));
			sha256_of(leaf.hash[i].raw, page, sizeof(page));
		}
		leaf_hash(&group.hash, &leaf, bytes <= LEAF_GROUP);
		if (number % 3 != 2)
			ATF_REQUIRE_EQ(0,
			    page_index_add_group(&x, &group, NULL));
	}
	verity_final(v, &want);
	ATF_REQUIRE_EQ(0, page_index_digest(&got, &x, &x.files[0], NULL));
	ATF_CHECK_MSG(digest_equal(&want, &got), "%ju bytes", (uintmax_t)bytes);
	verity_free(v);
	page_index_fini(&x);
}

ATF_TC_WITHOUT_HEAD(index__digest_is_verity);
ATF_TC_BODY(index__digest_is_verity, tc)
{
	static const uint64_t near[] = { 0, LEAF_PAGE, 2 * LEAF_PAGE,
		LEAF_GROUP, 2 * LEAF_GROUP, 3 * LEAF_GROUP, 4 * LEAF_GROUP,
		128 * LEAF_GROUP };
	size_t i;

	for (i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		if (near[i] > 0)
			compare(near[i] - 1);
		compare(near[i]);
		compare(near[i] + 1);
		compare(near[i] + LEAF_PAGE + 1);
	}
}

/* The digests of the envelope hold for the index of its files alone. */
ATF_TC_WITHOUT_HEAD(index__of_the_envelope);
ATF_TC_BODY(index__of_the_envelope, tc)
{
	struct error err = { 0 };
	struct envelope e;
	struct page_index x;
	unsigned char *raw;
	size_t i, len;

	sample(&raw, &len, &x);
	free(raw);
	envelope_init(&e);
	for (i = 0; i < 3; i++) {
		ATF_REQUIRE(envelope_add_file(&e,
				i == 0       ? "a"
				    : i == 1 ? "b"
					     : "c",
				NULL) != NULL);
		e.files[i].size_bytes = x.files[i].bytes;
		e.files[i].has_digest = true;
		ATF_REQUIRE_EQ(0,
		    page_index_digest(&e.files[i].digest, &x, &x.files[i],
			NULL));
	}
	ATF_CHECK_EQ_MSG(0, page_index_check(&x, &e, &err), "%s", err.msg);
	x.groups[0].hash.raw[0] ^= 1;
	ATF_CHECK_EQ(-1, page_index_check(&x, &e, &err));
	ATF_CHECK_STREQ("c: the index has another digest", err.msg);
	x.groups[0].hash.raw[0] ^= 1;
	x.groups[0].number = 0;
	ATF_CHECK_EQ(-1, page_index_check(&x, &e, &err));
	x.groups[0].number = 1;
	x.files[2].bytes++;
	ATF_CHECK_EQ(-1, page_index_check(&x, &e, &err));
	ATF_CHECK_STREQ("c: 1576962 bytes by the index, 1576961 by the "
			"envelope",
	    err.msg);
	x.files[2].bytes--;
	e.files[1].has_digest = false;
	ATF_CHECK_EQ(-1, page_index_check(&x, &e, &err));
	ATF_CHECK_STREQ("b: has no digest", err.msg);
	e.files[1].has_digest = true;
	x.files_n--;
	ATF_CHECK_EQ(-1, page_index_check(&x, &e, &err));
	ATF_CHECK_STREQ("index: of 2 files, the envelope has 3", err.msg);
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	envelope_fini(&e);
	page_index_fini(&x);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, index__round_trip);
	ATF_TP_ADD_TC(tp, index__in_room);
	ATF_TP_ADD_TC(tp, index__layout);
	ATF_TP_ADD_TC(tp, index__bad);
	ATF_TP_ADD_TC(tp, index__digest_is_verity);
	ATF_TP_ADD_TC(tp, index__of_the_envelope);
	return atf_no_error();
}
