/* SPDX-License-Identifier: ISC */
#include "registry/known.h"

#include <atf-c.h>
#include <string.h>

#include "base/le.h"
#include "base/sha256.h"

static void
hash_of(struct digest *out, uint64_t n)
{
	unsigned char raw[8];

	le64_put(raw, n);
	sha256_of(out->raw, raw, sizeof(raw));
}

/* A place with every field at its largest, or nearly so. */
static struct place
place_of(uint64_t n)
{
	return (struct place){ PART_BYTES_MAX - 1 - n,
		LEAF_FRAME_BYTES_MAX - (uint32_t)(n % 1000),
		(uint16_t)(PART_MAX - n % 7), LEAF_FRAME_PAGES,
		(uint8_t)(n % LEAF_FRAME_PAGES) };
}

static void
check(const struct known *known, uint64_t n)
{
	struct place want = place_of(n), got;
	struct digest hash;

	hash_of(&hash, n);
	ATF_REQUIRE_MSG(known_find(&got, known, &hash), "%ju", (uintmax_t)n);
	ATF_CHECK_EQ(0, memcmp(&want, &got, sizeof(got)));
}

ATF_TC_WITHOUT_HEAD(known__grows);
ATF_TC_BODY(known__grows, tc)
{
	struct place place, other = place_of(999999);
	struct known *known;
	struct digest hash;
	uint64_t n;

	ATF_REQUIRE_EQ(0, known_new(&known, NULL));
	hash_of(&hash, 0);
	ATF_CHECK(!known_find(&place, known, &hash));
	for (n = 0; n < 20000; n++) {
		hash_of(&hash, n);
		place = place_of(n);
		ATF_REQUIRE_EQ(0, known_add(known, &hash, &place, NULL));
		/* Where it was first it stays. */
		ATF_REQUIRE_EQ(0, known_add(known, &hash, &other, NULL));
	}
	for (n = 0; n < 20000; n++)
		check(known, n);
	hash_of(&hash, 20000);
	ATF_CHECK(!known_find(&place, known, &hash));
	known_free(known);
}

/* What is beyond is forgotten; what is there is found. */
ATF_TC_WITHOUT_HEAD(known__full);
ATF_TC_BODY(known__full, tc)
{
	struct known *known;
	struct place place;
	struct digest hash;
	uint64_t n;

	ATF_REQUIRE_EQ(0, known_new(&known, NULL));
	for (n = 0; n < KNOWN_MAX + 1000; n++) {
		hash_of(&hash, n);
		place = place_of(n);
		ATF_REQUIRE_EQ(0, known_add(known, &hash, &place, NULL));
	}
	for (n = 0; n < KNOWN_MAX; n += 997)
		check(known, n);
	check(known, KNOWN_MAX - 1);
	hash_of(&hash, KNOWN_MAX);
	ATF_CHECK(!known_find(&place, known, &hash));
	known_free(known);
}

/* Pages whose hashes begin alike are told from one another. */
ATF_TC_WITHOUT_HEAD(known__alike);
ATF_TC_BODY(known__alike, tc)
{
	struct digest hash = { { 0 } };
	struct known *known;
	struct place place;
	unsigned n;

	ATF_REQUIRE_EQ(0, known_new(&known, NULL));
	for (n = 0; n < 100; n++) {
		hash.raw[19] = (unsigned char)n;
		place = place_of(n);
		ATF_REQUIRE_EQ(0, known_add(known, &hash, &place, NULL));
	}
	for (n = 0; n < 100; n++) {
		hash.raw[19] = (unsigned char)n;
		ATF_REQUIRE(known_find(&place, known, &hash));
		ATF_CHECK_EQ(n % LEAF_FRAME_PAGES, place.slot);
	}
	hash.raw[19] = 100;
	ATF_CHECK(!known_find(&place, known, &hash));
	known_free(known);
}

/* One that is known moves; one that is not stays unknown. */
ATF_TC_WITHOUT_HEAD(known__moves);
ATF_TC_BODY(known__moves, tc)
{
	struct known *known;
	struct place place;
	struct digest hash;

	ATF_REQUIRE_EQ(0, known_new(&known, NULL));
	hash_of(&hash, 1);
	place = place_of(1);
	known_move(known, &hash, &place);
	ATF_CHECK(!known_find(&place, known, &hash));
	ATF_REQUIRE_EQ(0, known_add(known, &hash, &place, NULL));
	place = place_of(1000);
	known_move(known, &hash, &place);
	ATF_REQUIRE(known_find(&place, known, &hash));
	ATF_CHECK_EQ(place_of(1000).off, place.off);
	ATF_CHECK_EQ(place_of(1000).part, place.part);
	known_free(known);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, known__moves);
	ATF_TP_ADD_TC(tp, known__grows);
	ATF_TP_ADD_TC(tp, known__full);
	ATF_TP_ADD_TC(tp, known__alike);
	return atf_no_error();
}
