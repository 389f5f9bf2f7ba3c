/* SPDX-License-Identifier: ISC */
#include "registry/leaf.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"
#include "base/sha256.h"
#include "disk/verity.h"

#define PACK_BYTES 1000000

static const struct part parts[] = {
	{ .kind = PART_TREE, .blob = { .bytes = 5000 } },
	{ .kind = PART_PACK, .blob = { .bytes = PACK_BYTES } },
};
static const struct part_list list = { parts, 2 };

/* Page `i` is the slot-th of a frame of `pages` at `off`. */
static void
put(struct leaf *leaf, unsigned i, uint64_t off, uint8_t pages, uint8_t slot)
{
	leaf->is_data[i] = true;
	memset(leaf->hash[i].raw, (int)i + 1, DIGEST_BYTES);
	leaf->place[i] = (struct place){ off, 700, 1, pages, slot };
}

/* Pages 0, 1 and 5 of six; 0 and 5 in one frame. */
static size_t
sample(unsigned char *raw, struct leaf *leaf)
{
	leaf_init(leaf, 6);
	put(leaf, 0, 0, 2, 1);
	put(leaf, 1, PACK_BYTES - 700, 64, 63);
	put(leaf, 5, 0, 2, 0);
	return leaf_encode(raw, leaf);
}

ATF_TC_WITHOUT_HEAD(leaf__round_trip);
ATF_TC_BODY(leaf__round_trip, tc)
{
	unsigned char raw[LEAF_BYTES_MAX];
	struct leaf leaf, back;
	struct error err = { 0 };
	unsigned pages, i;
	size_t len;

	len = sample(raw, &leaf);
	ATF_CHECK_EQ(LEAF_HEAD + 3 * 34 + 2 * 16, len);
	ATF_REQUIRE_EQ_MSG(0, leaf_decode(&back, raw, len, 6, &list, &err),
	    "%s", err.msg);
	ATF_CHECK_EQ(0, memcmp(&leaf.is_data, &back.is_data, LEAF_PAGES));
	ATF_CHECK_EQ(0, memcmp(leaf.hash, back.hash, sizeof(leaf.hash)));
	ATF_CHECK_EQ(0, memcmp(leaf.place, back.place, sizeof(leaf.place)));
	/* The largest: every page in a frame of its own. */
	for (pages = 1; pages <= LEAF_PAGES; pages++) {
		leaf_init(&leaf, pages);
		for (i = 0; i < pages; i++)
			put(&leaf, i, 700 * (uint64_t)i, 1, 0);
		len = leaf_encode(raw, &leaf);
		ATF_CHECK_EQ(LEAF_HEAD + pages * 50, len);
		ATF_REQUIRE_EQ(0,
		    leaf_decode(&back, raw, len, pages, &list, &err));
		ATF_CHECK_EQ(0, memcmp(&leaf, &back, sizeof(leaf)));
	}
	ATF_CHECK_EQ(LEAF_BYTES_MAX, len);
}

/* The bytes that instar-registry(5) draws. */
ATF_TC_WITHOUT_HEAD(leaf__layout);
ATF_TC_BODY(leaf__layout, tc)
{
	static const unsigned char head[LEAF_HEAD] = {
		0x23, [16] = 3, [18] = 2
	};
	static const unsigned char tail[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0xbc, 2,
		0, 0, 1, 0, 2, 0, 0x84, 0x3f, 0xf, 0, 0, 0, 0, 0, 0xbc, 2, 0, 0,
		1, 0, 64, 0, 0, 1, 1, 63, 0, 0 };
	unsigned char raw[LEAF_BYTES_MAX], hash[DIGEST_BYTES];
	struct leaf leaf;
	size_t len;

	len = sample(raw, &leaf);
	ATF_CHECK_EQ(0, memcmp(head, raw, sizeof(head)));
	memset(hash, 6, sizeof(hash));
	ATF_CHECK_EQ(0, memcmp(hash, raw + LEAF_HEAD + 64, sizeof(hash)));
	ATF_REQUIRE_EQ(LEAF_HEAD + 96 + sizeof(tail), len);
	ATF_CHECK_EQ(0, memcmp(tail, raw + LEAF_HEAD + 96, sizeof(tail)));
}

/* The hash of a group is what fs-verity has of a file that is that group. */
ATF_TC_WITHOUT_HEAD(leaf__hash_is_verity);
ATF_TC_BODY(leaf__hash_is_verity, tc)
{
	static unsigned char page[LEAF_PAGE];
	struct digest want, got, group;
	unsigned pages, i;
	struct verity *v;
	struct leaf leaf;

	ATF_REQUIRE_EQ(0, verity_new(&v, NULL));
	for (pages = 1; pages <= LEAF_PAGES; pages++) {
		leaf_init(&leaf, pages);
		verity_reset(v);
		for (i = 0; i < pages; i++) {
			memset(page, i % 3 == 1 ? 0 : (int)i + 1, sizeof(page));
			sha256_of(leaf.hash[i].raw, page, sizeof(page));
			ATF_REQUIRE_EQ(0,
			    verity_data(v, page, sizeof(page), NULL));
		}
		verity_final(v, &want);
		verity_reset(v);
		leaf_hash(&group, &leaf, true);
		ATF_REQUIRE_EQ(0,
		    verity_add_last(v, &group, pages * (uint64_t)LEAF_PAGE,
			NULL));
		verity_final(v, &got);
		ATF_CHECK_MSG(digest_equal(&want, &got), "%u pages", pages);
	}
	verity_free(v);
}

/* What is done to the sample: `bytes` (0: all of 4) put at `at`. */
static const struct {
	const char *message;
	size_t at;
	unsigned width;
	uint64_t value;
	int longer; /* bytes more of it, or less */
} bad[] = {
	{ "ends in its head", 0, 0, 0, -1000 },
	{ "page 6 of a group of 6", 0, 1, 0x63, 0 },
	{ "page 127 of a group of 6", 15, 1, 0x80, 0 },
	{ "says 3 pages, marks 2", 0, 1, 3, 0 },
	{ "says 3 pages, marks 0", 0, 1, 0, 0 },
	{ "says 4 pages, marks 3", 16, 2, 4, 0 },
	{ "says 65535 pages, marks 3", 16, 2, 65535, 0 },
	{ "says 3 pages, marks 3", 20, 4, 1, 0 },
	{ "158 bytes for 3 pages in 0 frames", 18, 2, 0, 0 },
	{ "158 bytes for 3 pages in 3 frames", 18, 2, 3, 0 },
	{ "158 bytes for 3 pages in 65535 frames", 18, 2, 65535, 0 },
	{ "159 bytes for 3 pages in 2 frames", 0, 0, 0, 1 },
	{ "157 bytes for 3 pages in 2 frames", 0, 0, 0, -1 },
	{ "frame 0: 700 bytes at 999301 of a pack of 1000000", 120, 8, 999301,
	    0 },
	{ "frame 0: 700 bytes at 18446744073709551615 of a pack of 1000000",
	    120, 8, UINT64_MAX, 0 },
	{ "frame 0: 0 bytes at 0 of a pack of 1000000", 128, 4, 0, 0 },
	{ "frame 0: 266241 bytes at 0 of a pack of 1000000", 128, 4, 266241,
	    0 },
	{ "frame 0: 4294967295 bytes at 0 of a pack of 1000000", 128, 4,
	    UINT32_MAX, 0 },
	{ "frame 0: part 0 is no pack", 132, 2, 0, 0 },
	{ "frame 0: part 2 is no pack", 132, 2, 2, 0 },
	{ "frame 0: part 65535 is no pack", 132, 2, 65535, 0 },
	{ "frame 0: 0 pages", 134, 2, 0, 0 },
	{ "frame 0: 65 pages", 134, 2, 65, 0 },
	{ "frame 1: 65535 pages", 150, 2, 65535, 0 },
	{ "page 0: frame 1 where 0 is the next", 152, 1, 1, 0 },
	{ "page 1: frame 2 where 1 is the next", 154, 1, 2, 0 },
	{ "page 0: number 2 of a frame of 2", 153, 1, 2, 0 },
	{ "page 1: number 64 of a frame of 64", 155, 1, 64, 0 },
	{ "frame 1 has no page", 154, 2, 0, 0 },
	{ "page 5: number 255 of a frame of 2", 157, 1, 255, 0 },
};

ATF_TC_WITHOUT_HEAD(leaf__bad);
ATF_TC_BODY(leaf__bad, tc)
{
	unsigned char raw[LEAF_BYTES_MAX + 8], le[8];
	struct leaf leaf, back;
	struct error err;
	size_t i, len;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(raw, 0, sizeof(raw));
		len = sample(raw, &leaf);
		le64_put(le, bad[i].value);
		memcpy(raw + bad[i].at, le, bad[i].width);
		len = bad[i].longer < -100 ? LEAF_HEAD - 1
					   : (size_t)((int)len + bad[i].longer);
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1,
		    leaf_decode(&back, raw, len, 6, &list, &err), "%s",
		    bad[i].message);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ(bad[i].message, err.msg);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, leaf__round_trip);
	ATF_TP_ADD_TC(tp, leaf__layout);
	ATF_TP_ADD_TC(tp, leaf__hash_is_verity);
	ATF_TP_ADD_TC(tp, leaf__bad);
	return atf_no_error();
}
