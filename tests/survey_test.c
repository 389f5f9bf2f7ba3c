/* SPDX-License-Identifier: ISC */
#include "format/survey.h"

#include "disk/extent.h"

#include "disk_make.h"

#define MIB (UINT64_C(1) << 20)
#define SIZE (256 * MIB) /* enough for all the parts there may be */
#define UNIT (UINT64_C(64) << 10)

/* What lseek(2) says of the file, asked from end to end. */
static void
same_as_extents(const struct sparse_map *map, int fd, uint64_t size)
{
	struct error err = { 0 };
	struct extent e = { 0 };
	struct sparse_iter it;
	uint64_t off, len;

	sparse_iter_init(&it, map);
	while (extent_next(&e, fd, e.off + e.len, size, "f", &err) == 1) {
		ATF_REQUIRE(sparse_iter_next(&it, &off, &len));
		ATF_REQUIRE_EQ(e.off, off);
		ATF_REQUIRE_EQ(e.len, len);
	}
	ATF_CHECK(!sparse_iter_next(&it, &off, &len));
}

ATF_TC_WITHOUT_HEAD(file__runs_where_parts_meet);
ATF_TC_BODY(file__runs_where_parts_meet, tc)
{
	static unsigned char data[UNIT];
	struct sparse_map map = { 0 };
	struct error err = { 0 };
	int fd = make_file("f", SIZE);
	uint64_t off;
	unsigned i;

	memset(data, 7, sizeof(data));
	for (off = 0; off < SIZE; off += 3 * MIB)
		make_data(fd, off, data, sizeof(data));
	/* Halves, thirds and quarters: across, up to them, and from them on. */
	for (i = 1; i < 12; i++) {
		off = SIZE / 12 / MIB * MIB * i;
		make_data(fd, off - UNIT, data, sizeof(data));
		make_data(fd, off, data, sizeof(data));
	}
	make_data(fd, SIZE / 2 - UNIT / 2, data, sizeof(data));
	make_data(fd, SIZE / 4, data, sizeof(data));
	make_data(fd, SIZE / 4 * 3 - UNIT, data, sizeof(data));
	make_data(fd, SIZE - UNIT, data, sizeof(data));

	ATF_REQUIRE_EQ(0, survey_file(&map, fd, SIZE, "f", &err));
	same_as_extents(&map, fd, SIZE);
	/* A smaller size cuts; what the map held is gone. */
	ATF_REQUIRE_EQ(0, survey_file(&map, fd, SIZE - 17, "f", &err));
	same_as_extents(&map, fd, SIZE - 17);
	ATF_REQUIRE_EQ(0, survey_file(&map, fd, 7, "f", &err));
	ATF_CHECK_EQ(1, map.runs);
	ATF_CHECK_EQ(7, map.data_bytes);
	sparse_map_fini(&map);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(file__all_data_and_none);
ATF_TC_BODY(file__all_data_and_none, tc)
{
	static unsigned char data[MIB];
	struct sparse_map map = { 0 };
	struct error err = { 0 };
	int fd = make_file("f", SIZE / 2);
	uint64_t off;

	ATF_REQUIRE_EQ(0, survey_file(&map, fd, SIZE / 2, "f", &err));
	ATF_CHECK_EQ(0, map.runs);
	ATF_REQUIRE_EQ(0, survey_file(&map, fd, 0, "f", &err));
	ATF_CHECK_EQ(0, map.runs);

	memset(data, 7, sizeof(data));
	for (off = 0; off < SIZE / 2; off += MIB)
		make_data(fd, off, data, sizeof(data));
	ATF_REQUIRE_EQ(0, survey_file(&map, fd, SIZE / 2, "f", &err));
	ATF_CHECK_EQ(1, map.runs);
	ATF_CHECK_EQ(SIZE / 2, map.data_bytes);
	sparse_map_fini(&map);
	close(fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, file__runs_where_parts_meet);
	ATF_TP_ADD_TC(tp, file__all_data_and_none);
	return atf_no_error();
}
