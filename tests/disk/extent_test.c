/* SPDX-License-Identifier: ISC */
#include "disk/extent.h"

#include "lib/disk_make.h"

#define UNIT (UINT64_C(64) << 10) /* a multiple of every block size */

ATF_TC_WITHOUT_HEAD(next__data_between_holes);
ATF_TC_BODY(next__data_between_holes, tc)
{
	static unsigned char data[UNIT];
	struct error err = { 0 };
	struct extent e;
	uint64_t bytes;
	int fd = make_file("f", 10 * UNIT);

	memset(data, 7, sizeof(data));
	make_data(fd, 2 * UNIT, data, sizeof(data));
	make_data(fd, 9 * UNIT, data, sizeof(data));

	ATF_REQUIRE_EQ(1, extent_next(&e, fd, 0, 10 * UNIT, "f", &err));
	ATF_CHECK_EQ(2 * UNIT, e.off);
	ATF_CHECK_EQ(UNIT, e.len);
	ATF_REQUIRE_EQ(1, extent_next(&e, fd, 3 * UNIT, 10 * UNIT, "f", &err));
	ATF_CHECK_EQ(9 * UNIT, e.off);
	ATF_CHECK_EQ(UNIT, e.len);
	ATF_CHECK_EQ(0, extent_next(&e, fd, 10 * UNIT, 10 * UNIT, "f", &err));
	/* A smaller size cuts. */
	ATF_CHECK_EQ(0, extent_next(&e, fd, 3 * UNIT, 9 * UNIT, "f", &err));
	ATF_REQUIRE_EQ(1,
	    extent_next(&e, fd, 2 * UNIT + 5, 2 * UNIT + 12, "f", &err));
	ATF_CHECK_EQ(2 * UNIT + 5, e.off);
	ATF_CHECK_EQ(7, e.len);

	ATF_REQUIRE_EQ(0, extent_data_bytes(&bytes, fd, 10 * UNIT, "f", &err));
	ATF_CHECK_EQ(2 * UNIT, bytes);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(next__empty_file);
ATF_TC_BODY(next__empty_file, tc)
{
	struct error err = { 0 };
	struct extent e;
	uint64_t bytes = 1;
	int fd = make_file("f", 0);

	ATF_CHECK_EQ(0, extent_next(&e, fd, 0, 0, "f", &err));
	ATF_CHECK_EQ(0, extent_data_bytes(&bytes, fd, 0, "f", &err));
	ATF_CHECK_EQ(0, bytes);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(next__not_a_file);
ATF_TC_BODY(next__not_a_file, tc)
{
	struct error err = { 0 };
	struct extent e;
	int fds[2];

	ATF_REQUIRE_EQ(0, pipe(fds));
	ATF_CHECK_EQ(-1, extent_next(&e, fds[0], 0, 10, "pipe", &err));
	ATF_CHECK_EQ(EX_IOERR, err.code);
	ATF_CHECK_STREQ("pipe: Illegal seek", err.msg);
}

ATF_TC_WITHOUT_HEAD(count__extents);
ATF_TC_BODY(count__extents, tc)
{
	static unsigned char data[UNIT];
	uint64_t n;
	unsigned i;
	int fd = make_file("f", 100 * UNIT);

	memset(data, 7, sizeof(data));
	for (i = 0; i < 10; i++)
		make_data(fd, 10 * i * UNIT, data, sizeof(data));
	ATF_REQUIRE_EQ(0, fsync(fd));
	n = extent_count(fd);
	if (n == 0)
		atf_tc_skip("this filesystem does not tell its extents");
	ATF_CHECK_EQ(10, n);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(zero__each_byte);
ATF_TC_BODY(zero__each_byte, tc)
{
	static const size_t lens[] = { 0, 1, 15, 16, 17, 31, 33, 4096 };
	unsigned char buf[4096];
	size_t i, k;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memset(buf, 9, sizeof(buf));
		memset(buf, 0, lens[i]);
		ATF_CHECK(extent_is_zero(buf, lens[i]));
		for (k = 0; k < lens[i]; k++) {
			buf[k] = 1;
			ATF_CHECK_MSG(!extent_is_zero(buf, lens[i]),
			    "byte %zu of %zu", k, lens[i]);
			buf[k] = 0;
		}
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, next__data_between_holes);
	ATF_TP_ADD_TC(tp, next__empty_file);
	ATF_TP_ADD_TC(tp, next__not_a_file);
	ATF_TP_ADD_TC(tp, count__extents);
	ATF_TP_ADD_TC(tp, zero__each_byte);
	return atf_no_error();
}
