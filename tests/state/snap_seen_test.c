/* SPDX-License-Identifier: ISC */
#include "state/snap_seen.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/id.h"

#define ID "aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SEEN "access/" ID

static const struct stat file = { .st_mode = S_IFREG | 0600,
	.st_size = SNAP_SEEN_MIN_BYTES,
	.st_mtim = { .tv_sec = 1700000000, .tv_nsec = 5 },
	.st_dev = 7,
	.st_ino = 11 };

static struct root *
have_root(void)
{
	struct error err = { 0 };
	struct root *root;

	ATF_REQUIRE_EQ_MSG(0, root_open(&root, ".", &err), "%s", err.msg);
	return root;
}

static void
put(const char *text)
{
	FILE *f = fopen(SEEN, "we");

	ATF_REQUIRE(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

ATF_TC_WITHOUT_HEAD(seen__each_file);
ATF_TC_BODY(seen__each_file, tc)
{
	struct root *root = have_root();
	struct stat st = file;

	/* A snapshot that is not there has nothing. */
	snap_seen_set(root, ID, "kernel", &file);
	ATF_CHECK_EQ(-1, access(SEEN, F_OK));
	ATF_CHECK(!snap_seen_is(root, ID, "kernel", &file));
	put("");
	ATF_CHECK(!snap_seen_is(root, ID, "kernel", &file));
	snap_seen_set(root, ID, "kernel", &file);
	ATF_CHECK(snap_seen_is(root, ID, "kernel", &file));
	ATF_CHECK(!snap_seen_is(root, ID, "initrd", &file));
	st.st_ino++;
	ATF_CHECK(!snap_seen_is(root, ID, "kernel", &st));
	snap_seen_set(root, ID, "initrd", &st);
	ATF_CHECK(snap_seen_is(root, ID, "initrd", &st));
	ATF_CHECK(snap_seen_is(root, ID, "kernel", &file));
	/* The newest of one counts, and the other's stays. */
	st.st_mtim.tv_sec = 5;
	snap_seen_set(root, ID, "kernel", &st);
	ATF_CHECK(snap_seen_is(root, ID, "kernel", &st));
	ATF_CHECK(!snap_seen_is(root, ID, "kernel", &file));
	ATF_CHECK(!snap_seen_is(root, ID, "initrd", &st));
	/* A small one is always read, and what is none never known. */
	st.st_size--;
	snap_seen_set(root, ID, "small", &st);
	ATF_CHECK(!snap_seen_is(root, ID, "small", &st));
	st = file;
	st.st_mode = S_IFDIR;
	ATF_CHECK(!snap_seen_is(root, ID, "initrd", &st));
	root_close(root);
}

/* What we did not write is nothing remembered. */
ATF_TC_WITHOUT_HEAD(seen__damaged);
ATF_TC_BODY(seen__damaged, tc)
{
	static const char good[] = "1048576.1700000000.5.7.11 kernel\n";
	static const char *const texts[] = {
		"1048576.1700000000.5.7.11 kernel",
		"1048576.1700000000.5.7.11\n",
		"1048576.1700000000.5.7.11  kernel\n",
		"1048576.1700000000.5.7 kernel\n",
		"1048576.1700000000.5.7.11 kernel x\n",
		"kernel 1048576.1700000000.5.7.11\n",
		"\n\nkernel\n",
	};
	struct root *root = have_root();
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(texts[i]);
		ATF_CHECK_MSG(!snap_seen_is(root, ID, "kernel", &file), "%s",
		    texts[i]);
		/* And is gone with the next. */
		snap_seen_set(root, ID, "kernel", &file);
		ATF_CHECK_MSG(snap_seen_is(root, ID, "kernel", &file), "%s",
		    texts[i]);
	}
	put(good);
	ATF_CHECK(snap_seen_is(root, ID, "kernel", &file));
	root_close(root);
}

/* More than there is room for is forgotten. */
ATF_TC_WITHOUT_HEAD(seen__many);
ATF_TC_BODY(seen__many, tc)
{
	struct root *root = have_root();
	struct stat st;
	char name[64];
	int i;

	put("");
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "data-a-name-that-is-long-%d", i);
		snap_seen_set(root, ID, name, &file);
	}
	ATF_CHECK(snap_seen_is(root, ID, "data-a-name-that-is-long-0", &file));
	ATF_CHECK(
	    !snap_seen_is(root, ID, "data-a-name-that-is-long-199", &file));
	ATF_REQUIRE_EQ(0, stat(SEEN, &st));
	ATF_CHECK(st.st_size < 2048);
	root_close(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, seen__each_file);
	ATF_TP_ADD_TC(tp, seen__damaged);
	ATF_TP_ADD_TC(tp, seen__many);
	return atf_no_error();
}
