/* SPDX-License-Identifier: ISC */
#include "archive/survey.h"

#include "disk/extent.h"

#include "lib/disk_make.h"

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

	ATF_REQUIRE_EQ(0,
	    survey_file(&map, fd, SIZE, SPARSE_MAP_BYTES_MAX, "f", &err));
	same_as_extents(&map, fd, SIZE);
	/* A smaller size cuts; what the map held is gone. */
	ATF_REQUIRE_EQ(0,
	    survey_file(&map, fd, SIZE - 17, SPARSE_MAP_BYTES_MAX, "f", &err));
	same_as_extents(&map, fd, SIZE - 17);
	ATF_REQUIRE_EQ(0,
	    survey_file(&map, fd, 7, SPARSE_MAP_BYTES_MAX, "f", &err));
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

	ATF_REQUIRE_EQ(0,
	    survey_file(&map, fd, SIZE / 2, SPARSE_MAP_BYTES_MAX, "f", &err));
	ATF_CHECK_EQ(0, map.runs);
	ATF_REQUIRE_EQ(0,
	    survey_file(&map, fd, 0, SPARSE_MAP_BYTES_MAX, "f", &err));
	ATF_CHECK_EQ(0, map.runs);

	memset(data, 7, sizeof(data));
	for (off = 0; off < SIZE / 2; off += MIB)
		make_data(fd, off, data, sizeof(data));
	ATF_REQUIRE_EQ(0,
	    survey_file(&map, fd, SIZE / 2, SPARSE_MAP_BYTES_MAX, "f", &err));
	ATF_CHECK_EQ(1, map.runs);
	ATF_CHECK_EQ(SIZE / 2, map.data_bytes);
	sparse_map_fini(&map);
	close(fd);
}

/*
 * A map that has no room: the holes that are filled are those that one thread,
 * which sees the file from end to end, would fill.
 */
ATF_TC_WITHOUT_HEAD(file__no_room);
ATF_TC_BODY(file__no_room, tc)
{
	size_t room[] = { 8 * SPARSE_RUN_BYTES_MAX, 2000, 10000, 0, 0 };
	static unsigned char data[4096] = { 1 };
	struct sparse_map map = { 0 }, want = { 0 };
	struct sparse_iter a, b;
	struct error err = { 0 };
	int fd = make_file("f", SIZE);
	uint64_t off, gap, keep, end, a_off, a_len, b_off, b_len;
	bool fits;
	size_t i;

	/* Some 20,000 runs, and holes of 4 KiB to 28 KiB between them. */
	for (off = 0, gap = 1; off < SIZE; off += (1 + gap) * sizeof(data)) {
		make_data(fd, off, data, sizeof(data));
		gap = gap % 7 + 1;
	}
	/* All of them, and all but a few. */
	ATF_REQUIRE_EQ(0,
	    survey_file(&map, fd, SIZE, SPARSE_MAP_BYTES_MAX, "f", &err));
	room[3] = map.len + 2 * SPARSE_RUN_BYTES_MAX;
	room[4] = map.len;
	for (i = 0; i < sizeof(room) / sizeof(room[0]); i++) {
		ATF_REQUIRE_EQ_MSG(0,
		    survey_file(&map, fd, SIZE, room[i], "f", &err), "%s",
		    err.msg);
		ATF_CHECK(map.len <= room[i]);
		fits = false;
		for (keep = 0; !fits; keep = keep == 0 ? 4096 : keep * 2) {
			struct extent e = { 0 };

			fits = true;
			sparse_map_clear(&want);
			off = end = 0;
			while (fits &&
			    extent_next(&e, fd, e.off + e.len, SIZE, "f",
				&err) == 1) {
				if (end != 0 && e.off - end > keep) {
					fits = room[i] - want.len >=
					    2 * SPARSE_RUN_BYTES_MAX;
					ATF_REQUIRE_EQ(0,
					    sparse_map_add(&want, off,
						end - off, SIZE, &err));
					off = e.off;
				}
				end = e.off + e.len;
			}
		}
		ATF_REQUIRE_EQ(0,
		    sparse_map_add(&want, off, end - off, SIZE, &err));
		ATF_CHECK_EQ_MSG(want.runs, map.runs, "%zu: %ju, not %ju",
		    room[i], (uintmax_t)map.runs, (uintmax_t)want.runs);
		sparse_iter_init(&a, &want);
		sparse_iter_init(&b, &map);
		while (sparse_iter_next(&a, &a_off, &a_len)) {
			ATF_REQUIRE(sparse_iter_next(&b, &b_off, &b_len));
			ATF_REQUIRE(a_off == b_off && a_len == b_len);
		}
	}
	sparse_map_fini(&want);
	sparse_map_fini(&map);
	close(fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, file__runs_where_parts_meet);
	ATF_TP_ADD_TC(tp, file__all_data_and_none);
	ATF_TP_ADD_TC(tp, file__no_room);
	return atf_no_error();
}
