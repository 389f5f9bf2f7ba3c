/* SPDX-License-Identifier: ISC */
#include "foreign/cow.h"

#include <sys/mman.h>

#include <atf-c.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"

#define MIB UINT64_C(1048576)

struct head {
	uint32_t words[4];
	const char *message; /* NULL: accepted */
	bool is_new;
};

ATF_TC_WITHOUT_HEAD(head__table);
ATF_TC_BODY(head__table, tc)
{
	static const struct head table[] = {
		{ { COW_MAGIC, 1, 1, 8 }, NULL, false },
		{ { COW_MAGIC, 1, 1, 1 }, NULL, false },
		{ { COW_MAGIC, 1, 1, COW_CHUNK_SECTORS_MAX }, NULL, false },
		{ { 0, 0, 0, 0 }, NULL, true },
		{ { 0, 9, 9, 9 }, NULL, true },
		{ { 1, 1, 1, 8 }, "byte 0: no CoW file: magic 0x00000001",
		    false },
		{ { COW_MAGIC, 0, 1, 8 },
		    "byte 4: the snapshot was invalidated (overflow or I/O "
		    "error)",
		    false },
		{ { COW_MAGIC, 2, 1, 8 }, "byte 4: valid is 2, not 1", false },
		{ { COW_MAGIC, 1, 0, 8 }, "byte 8: version 0, not 1", false },
		{ { COW_MAGIC, 1, 1, 0 }, "byte 12: chunk of 0 sectors",
		    false },
		{ { COW_MAGIC, 1, 1, 24 }, "byte 12: chunk of 24 sectors",
		    false },
		{ { COW_MAGIC, 1, 1, COW_CHUNK_SECTORS_MAX * 2 },
		    "byte 12: chunk of 4194304 sectors", false },
	};
	unsigned char raw[COW_HEAD_BYTES], back[COW_HEAD_BYTES];
	struct cow_head head;
	struct error err;
	size_t i, k;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (k = 0; k < 4; k++)
			le32_put(raw + 4 * k, table[i].words[k]);
		memset(&head, 0x55, sizeof(head));
		rc = cow_head_decode(&head, raw, &err);
		if (table[i].message != NULL) {
			ATF_CHECK_EQ(-1, rc);
			ATF_CHECK_EQ(EX_DATAERR, err.code);
			ATF_CHECK_STREQ(table[i].message, err.msg);
			ATF_CHECK_EQ(0x55555555u, head.chunk_sectors);
			continue;
		}
		ATF_CHECK_EQ(0, rc);
		ATF_CHECK_EQ(table[i].is_new, head.is_new);
		if (head.is_new)
			continue;
		ATF_CHECK_EQ(table[i].words[3], head.chunk_sectors);
		cow_head_encode(back, head.chunk_sectors);
		ATF_CHECK_EQ(0, memcmp(raw, back, sizeof(raw)));
	}
}

/* Where the kernel puts areas and data: with 8 sectors at 1, 258, 515. */
ATF_TC_WITHOUT_HEAD(layout__areas_and_data);
ATF_TC_BODY(layout__areas_and_data, tc)
{
	uint64_t i, chunk, area = 0, next = 2;

	ATF_CHECK_EQ(256, cow_entries_per_area(8));
	ATF_CHECK_EQ(1, cow_area_chunk(8, 0));
	ATF_CHECK_EQ(258, cow_area_chunk(8, 1));
	ATF_CHECK_EQ(515, cow_area_chunk(8, 2));
	ATF_CHECK_EQ(2, cow_data_chunk(8, 0));
	ATF_CHECK_EQ(257, cow_data_chunk(8, 255));
	ATF_CHECK_EQ(259, cow_data_chunk(8, 256));
	ATF_CHECK_EQ(1, cow_areas(8, 0));
	ATF_CHECK_EQ(1, cow_areas(8, 255));
	ATF_CHECK_EQ(2, cow_areas(8, 256));
	for (i = 0; i < 1000; i++) {
		if (next == cow_area_chunk(1, area + 1)) {
			area++;
			next++;
		}
		chunk = cow_data_chunk(1, i);
		ATF_CHECK_EQ_MSG(next, chunk, "%" PRIu64, i);
		next++;
	}
}

/* Exceptions out of order come back by the base, joined where they can be. */
ATF_TC_WITHOUT_HEAD(read__sorted_and_joined);
ATF_TC_BODY(read__sorted_and_joined, tc)
{
	static const struct cow_exception given[] = { { 9, 2 }, { 3, 4 },
		{ 4, 5 }, { 5, 6 }, { 6, 8 }, { 0, 3 } };
	unsigned char raw[COW_ENTRY_BYTES], head[COW_HEAD_BYTES];
	struct cow_map map = { 0 };
	struct error err = { 0 };
	size_t i;
	int fd;

	fd = memfd_create("cow", MFD_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	cow_head_encode(head, 8);
	ATF_REQUIRE_EQ(0, fd_pwrite(fd, head, sizeof(head), 0, "cow", &err));
	for (i = 0; i < 6; i++) {
		cow_entry_encode(raw, &given[i]);
		ATF_REQUIRE_EQ(0,
		    fd_pwrite(fd, raw, sizeof(raw), 4096 + i * sizeof(raw),
			"cow", &err));
	}
	ATF_REQUIRE_EQ(0, ftruncate(fd, (off_t)MIB));
	ATF_REQUIRE_EQ_MSG(0, cow_read(&map, fd, MIB, MIB, "cow", &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(6, map.n);
	ATF_CHECK_EQ(4096, map.chunk_bytes);
	ATF_CHECK_EQ(0, map.v[0].old_chunk);
	ATF_CHECK_EQ(3, map.v[0].new_chunk);
	ATF_CHECK_EQ(9, map.v[5].old_chunk);
	ATF_CHECK_EQ(1, cow_map_run(&map, 0));
	ATF_CHECK_EQ(3, cow_map_run(&map, 1));
	ATF_CHECK_EQ(1, cow_map_run(&map, 4));
	ATF_CHECK_EQ(1, cow_map_run(&map, 5));
	cow_map_fini(&map);
	ATF_CHECK_EQ(-1, cow_read(&map, fd, MIB, 4096 * 9, "cow", &err));
	ATF_CHECK_STREQ("cow: byte 4096: chunk 9 of a base of 9 chunks",
	    err.msg);
	ATF_CHECK_EQ(NULL, map.v);
	fd_drop(&fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, head__table);
	ATF_TP_ADD_TC(tp, layout__areas_and_data);
	ATF_TP_ADD_TC(tp, read__sorted_and_joined);
	return atf_no_error();
}
