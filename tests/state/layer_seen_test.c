/* SPDX-License-Identifier: ISC */
#include "state/layer_seen.h"

#include <atf-c.h>
#include <fcntl.h>
#include <unistd.h>

static const struct stat file = { .st_size = 4096,
	.st_mtim = { .tv_sec = 1700000000, .tv_nsec = 5 },
	.st_dev = 7,
	.st_ino = 11 };

/* What differs from `file`, and whether it counts. */
ATF_TC_WITHOUT_HEAD(seen__table);
ATF_TC_BODY(seen__table, tc)
{
	static const struct {
		off_t size;
		time_t sec;
		long nsec;
		dev_t dev;
		ino_t ino;
		bool is;
	} table[] = {
		{ 4096, 1700000000, 5, 7, 11, true },
		{ 4095, 1700000000, 5, 7, 11, false },
		{ 4096, 1700000001, 5, 7, 11, false },
		{ 4096, 1700000000, 6, 7, 11, false },
		{ 4096, 1700000000, 0, 7, 11, false },
		{ 4096, 1700000000, 5, 7, 12, false },
		/* The root lies elsewhere now. */
		{ 4096, 1700000000, 5, 8, 12, true },
		{ 4096, 1700000000, 0, 8, 12, true },
		{ 4096, 1700000000, 6, 8, 12, false },
		{ 4095, 1700000000, 5, 8, 12, false },
		{ 4096, 1700000001, 5, 8, 12, false },
	};
	struct stat st = file;
	size_t i;

	ATF_CHECK(!layer_seen_is(AT_FDCWD, "x", &file));
	layer_seen_set(AT_FDCWD, "x", &file);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		st.st_size = table[i].size;
		st.st_mtim.tv_sec = table[i].sec;
		st.st_mtim.tv_nsec = table[i].nsec;
		st.st_dev = table[i].dev;
		st.st_ino = table[i].ino;
		ATF_CHECK_MSG(layer_seen_is(AT_FDCWD, "x", &st) == table[i].is,
		    "row %zu", i);
	}
	/* The newest counts. */
	st.st_size = 1;
	layer_seen_set(AT_FDCWD, "x", &st);
	ATF_CHECK(layer_seen_is(AT_FDCWD, "x", &st));
	ATF_CHECK(!layer_seen_is(AT_FDCWD, "x", &file));
	layer_seen_drop(AT_FDCWD, "x");
	ATF_CHECK(!layer_seen_is(AT_FDCWD, "x", &st));
}

/* What we did not write is nothing remembered. */
ATF_TC_WITHOUT_HEAD(seen__damaged);
ATF_TC_BODY(seen__damaged, tc)
{
	static const char *const texts[] = { "4096", "4096.1700000000.5.7",
		"4096.1700000000.5.7.11.", "4096.1700000000.5.7.11.1",
		"4096.1700000000.5.7.", "4096.1700000000.5..11",
		"+4096.1700000000.5.7.11", " 4096.1700000000.5.7.11",
		"4096.1700000000.5.7.99999999999999999999", "/etc/passwd" };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ATF_REQUIRE_EQ(0, symlink(texts[i], ".seen-x"));
		ATF_CHECK_MSG(!layer_seen_is(AT_FDCWD, "x", &file), "%s",
		    texts[i]);
		ATF_REQUIRE_EQ(0, unlink(".seen-x"));
	}
	ATF_REQUIRE_EQ(0, symlink("4096.1700000000.5.7.11", ".seen-x"));
	ATF_CHECK(layer_seen_is(AT_FDCWD, "x", &file));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, seen__table);
	ATF_TP_ADD_TC(tp, seen__damaged);
	return atf_no_error();
}
