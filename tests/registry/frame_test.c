/* SPDX-License-Identifier: ISC */
#include "registry/frame.h"

#include "lib/disk_make.h"

ATF_TC_WITHOUT_HEAD(frame__round_trip);
ATF_TC_BODY(frame__round_trip, tc)
{
	static unsigned char pages[LEAF_FRAME_PAGES * LEAF_PAGE];
	static unsigned char back[LEAF_FRAME_PAGES * LEAF_PAGE + 1];
	static unsigned char raw[LEAF_FRAME_BYTES_MAX];
	struct frame_coder coder = { 0 };
	struct error err = { 0 };
	uint64_t seed = 1;
	size_t n, len;

	/* What cannot be compressed fits, too. */
	make_bytes(pages, sizeof(pages), &seed);
	for (n = 1; n <= LEAF_FRAME_PAGES; n++) {
		ATF_REQUIRE_EQ(0,
		    frame_pack(raw, &len, &coder, pages, n, &err));
		back[n * LEAF_PAGE] = 'x';
		ATF_REQUIRE_EQ_MSG(0,
		    frame_unpack(back, n, &coder, raw, len, &err), "%s",
		    err.msg);
		ATF_CHECK_EQ('x', back[n * LEAF_PAGE]);
		ATF_CHECK_EQ(0, memcmp(pages, back, n * LEAF_PAGE));
	}
	frame_coder_fini(&coder);
}

ATF_TC_WITHOUT_HEAD(frame__bad);
ATF_TC_BODY(frame__bad, tc)
{
	static unsigned char pages[4 * LEAF_PAGE], back[4 * LEAF_PAGE];
	static unsigned char raw[2 * LEAF_FRAME_BYTES_MAX];
	struct frame_coder coder = { 0 };
	struct error err = { 0 };
	size_t len, more, i;

	memset(pages, 'p', sizeof(pages));
	ATF_REQUIRE_EQ(0, frame_pack(raw, &len, &coder, pages, 4, &err));
	/* Of another length than said, which a bomb is. */
	ATF_CHECK_EQ(-1, frame_unpack(back, 3, &coder, raw, len, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("no zstd frame of 3 pages", err.msg);
	/* Cut, and with something behind it. */
	for (i = 0; i < len; i++)
		ATF_CHECK_EQ(-1, frame_unpack(back, 4, &coder, raw, i, &err));
	ATF_CHECK_EQ(-1, frame_unpack(back, 4, &coder, raw, len + 1, &err));
	ATF_REQUIRE_EQ(0, frame_pack(raw + len, &more, &coder, pages, 4, &err));
	ATF_CHECK_EQ(-1, frame_unpack(back, 4, &coder, raw, len + more, &err));
	/* Flipped: refused, or of the length asked for; never a write beyond. */
	for (i = 0; i < len; i++) {
		raw[i] ^= 0x55;
		memset(&err, 0, sizeof(err));
		if (frame_unpack(back, 4, &coder, raw, len, &err) == -1)
			ATF_CHECK_EQ(EX_DATAERR, err.code);
		raw[i] ^= 0x55;
	}
	memset(raw, 0, sizeof(raw));
	ATF_CHECK_EQ(-1, frame_unpack(back, 4, &coder, raw, 100, &err));
	frame_coder_fini(&coder);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, frame__round_trip);
	ATF_TP_ADD_TC(tp, frame__bad);
	return atf_no_error();
}
