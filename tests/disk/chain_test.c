/* SPDX-License-Identifier: ISC */
#include "disk/chain.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/disk_make.h"

#define DISK_BYTES 1048576

ATF_TC_WITHOUT_HEAD(format__by_the_end_of_the_name);
ATF_TC_BODY(format__by_the_end_of_the_name, tc)
{
	ATF_CHECK_STREQ("raw", chain_format("cow.raw")->name);
	ATF_CHECK_STREQ("qcow2", chain_format("/a/cow.1.qcow2")->name);
	ATF_CHECK_STREQ("raw", chain_format(".qcow2")->name);
	ATF_CHECK_STREQ("raw", chain_format("cow.qcow2.raw")->name);
	ATF_CHECK_STREQ("raw", chain_format("layer0")->name);
	ATF_CHECK_STREQ("raw", chain_format("")->name);
}

/* Each row is found by its name, and by a file that is called after it. */
ATF_TC_WITHOUT_HEAD(format__by_name);
ATF_TC_BODY(format__by_name, tc)
{
	static const char *const none[] = { "", "vmdk", "RAW", "qcow", "raw " };
	size_t i;

	ATF_CHECK(chain_find_format("raw") == chain_flat());
	ATF_CHECK(chain_find_format("qcow2") == chain_overlay());
	ATF_CHECK(chain_flat()->is_flat && !chain_overlay()->is_flat);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ATF_CHECK(chain_find_format(none[i]) == NULL);
}

ATF_TC_WITHOUT_HEAD(name__rule);
ATF_TC_BODY(name__rule, tc)
{
	static const char *const good[] = { "cow.raw", "cow.1.qcow2", "a-b",
		"data-x--y.raw", "\303\244.raw", ".x" };
	static const char *const bad[] = { "", ".", "..", "a/b", "a\nb",
		"nbd:127.0.0.1:1:exportname=x.qcow2", "a:", ":", "-", "-o",
		"--help", "-x.qcow2", "json:{}", "\377" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ATF_CHECK_MSG(chain_is_name(good[i]), "%s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(!chain_is_name(bad[i]), "%s", bad[i]);
}

ATF_TC_WITHOUT_HEAD(name__first_and_next);
ATF_TC_BODY(name__first_and_next, tc)
{
	static const struct {
		const char *top;
		bool flat;
		const char *next;
	} table[] = {
		{ "cow.raw", false, "cow.1.qcow2" },
		{ "cow.1.qcow2", false, "cow.2.qcow2" },
		{ "cow.3.raw", false, "cow.4.qcow2" },
		{ "data-db.9.qcow2", false, "data-db.10.qcow2" },
		{ "cow.3.qcow2", true, "cow.4.raw" },
		{ "cow.raw", true, "cow.1.raw" },
		{ "a.b.c", false, "a.1.qcow2" },
		{ "cow", false, NULL },
		{ ".raw", false, NULL },
		{ "", false, NULL },
	};
	struct error err = { 0 };
	char name[16], *next;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		next = NULL;
		if (table[i].next == NULL) {
			ATF_CHECK_EQ(-1,
			    chain_next_name(&next, table[i].top,
				chain_overlay(), &err));
			ATF_CHECK_EQ(EX_DATAERR, err.code);
			continue;
		}
		ATF_REQUIRE_EQ(0,
		    chain_next_name(&next, table[i].top,
			table[i].flat ? chain_flat() : chain_overlay(), &err));
		ATF_CHECK_STREQ(table[i].next, next);
		free(next);
	}
	chain_first_name(name, sizeof(name), "cow", chain_overlay());
	ATF_CHECK_STREQ("cow.1.qcow2", name);
	chain_first_name(name, sizeof(name), "data-db", chain_flat());
	ATF_CHECK_STREQ("data-db.raw", name);
	chain_first_name(name, 6, "data-db", chain_flat());
	ATF_CHECK_STREQ("data-", name);
}

/* What would be deleted to make an overlay. */
ATF_TC_WITHOUT_HEAD(name__later);
ATF_TC_BODY(name__later, tc)
{
	static const struct {
		const char *name, *top;
		bool later;
	} table[] = {
		{ "cow.1.qcow2", "cow.raw", true },
		{ "cow.2.qcow2", "cow.1.qcow2", true },
		{ "cow.17.raw", "cow.1.qcow2", true },
		{ "cow.1.qcow2", "cow.1.qcow2", false },
		{ "cow.1.qcow2", "cow.2.qcow2", false },
		{ "cow.raw", "cow.raw", false },
		{ "cow.x.qcow2", "cow.raw", false },
		{ "cow.1", "cow.raw", false },
		{ "cow1.2.qcow2", "cow.raw", false },
		{ "data-db.1.qcow2", "cow.raw", false },
		{ "cow.1.qcow2", "cow", false },
		{ "", "cow.raw", false },
	};
	struct error err = { 0 };
	char *next = NULL;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		ATF_CHECK_EQ_MSG(table[i].later,
		    chain_is_later(table[i].name, table[i].top), "%s, %s",
		    table[i].name, table[i].top);
	/* The numbers do not begin anew. */
	ATF_CHECK_EQ(0,
	    chain_next_name(&next, "cow.9999998.qcow2", chain_overlay(), &err));
	ATF_CHECK_STREQ("cow.9999999.qcow2", next);
	ATF_CHECK_EQ(9999999, chain_number(next));
	free(next);
	ATF_CHECK_EQ(-1,
	    chain_next_name(&next, "cow.9999999.qcow2", chain_overlay(), &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_EQ(-1,
	    chain_next_name(&next, "cow.99999999999999999999.qcow2",
		chain_overlay(), &err));
}

ATF_TC_WITHOUT_HEAD(number__of_overlays_alone);
ATF_TC_BODY(number__of_overlays_alone, tc)
{
	static const struct {
		const char *name;
		unsigned n;
	} table[] = {
		{ "cow.1.qcow2", 1 },
		{ "data-db.17.qcow2", 17 },
		{ "a.b.9999999.qcow2", 9999999 },
		{ "cow.10000000.qcow2", 0 },
		{ "cow.raw", 0 },
		{ "cow.3.raw", 0 },
		{ "base.qcow2", 0 },
		{ "3.qcow2", 0 },
		{ "cow3.qcow2", 0 },
		{ "cow..qcow2", 0 },
		{ "cow.-1.qcow2", 0 },
		{ "cow", 0 },
		{ "", 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		ATF_CHECK_EQ_MSG(table[i].n, chain_number(table[i].name), "%s",
		    table[i].name);
}

static void
check(const char *name, uint64_t disk_bytes, const char *below, const char *msg)
{
	struct error err = { 0 };
	int fd = open(name, O_RDONLY | O_CLOEXEC), rc;

	ATF_REQUIRE(fd != -1);
	rc = chain_check(fd, make_size(fd), disk_bytes, name, below, &err);
	close(fd);
	ATF_CHECK_EQ_MSG(msg == NULL ? 0 : -1, rc, "%s: %s", name, err.msg);
	if (msg != NULL) {
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ(msg, err.msg);
	}
}

/* An overlay knows what it lies on; a flat file lies on nothing. */
ATF_TC_WITHOUT_HEAD(check__and_sizes);
ATF_TC_BODY(check__and_sizes, tc)
{
	static const char *const names[] = { "cow.raw", "cow.1.qcow2",
		"cow.2.qcow2" };
	const struct chain_format *format;
	struct error err = { 0 };
	uint64_t bytes;
	size_t i;
	int fd;

	for (i = 0; i < 3; i++) {
		fd = make_file(names[i], i == 0 ? DISK_BYTES : 0);
		if (i > 0)
			ATF_REQUIRE_EQ(0,
			    chain_write_overlay(fd, DISK_BYTES, names[i - 1],
				names[i], &err));
		ATF_REQUIRE_EQ(0,
		    chain_recognize(&format, fd, make_size(fd), names[i],
			&err));
		ATF_CHECK(format == chain_format(names[i]));
		close(fd);
		ATF_REQUIRE_EQ(0,
		    chain_disk_bytes(&bytes, format, AT_FDCWD, names[i], &err));
		ATF_CHECK_EQ(DISK_BYTES, bytes);
		check(names[i], DISK_BYTES, i == 0 ? NULL : names[i - 1], NULL);
		check(names[i], 0, i == 0 ? NULL : names[i - 1], NULL);
	}
	check("cow.raw", 512, NULL, "cow.raw: 1048576 bytes, the disk has 512");
	check("cow.raw", 0, "base.raw",
	    "cow.raw: a raw disk with a backing file");
	check("cow.2.qcow2", 512, "cow.1.qcow2",
	    "cow.2.qcow2: disk of 1048576 bytes, not 512");
	check("cow.2.qcow2", 0, "cow.raw",
	    "cow.2.qcow2: backing file 'cow.1.qcow2', not 'cow.raw'");
	check("cow.1.qcow2", 0, NULL,
	    "cow.1.qcow2: lies on another file, cow.raw: qemu-img convert "
	    "makes one of both");
	ATF_CHECK_EQ(-1,
	    chain_disk_bytes(&bytes, chain_overlay(), AT_FDCWD, "cow.raw",
		&err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_EQ(-1,
	    chain_disk_bytes(&bytes, chain_flat(), AT_FDCWD, "none", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
}

/* What is shorter than any magic, and what only begins like one. */
ATF_TC_WITHOUT_HEAD(recognize__short);
ATF_TC_BODY(recognize__short, tc)
{
	static const char *const held[] = { "", "Q", "QFI", "QFIx", "\xfbQFI" };
	const struct chain_format *format = NULL;
	struct error err = { 0 };
	size_t i, len;
	int fd;

	for (i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		len = strlen(held[i]);
		fd = make_file("f", len);
		ATF_REQUIRE_EQ((ssize_t)len, pwrite(fd, held[i], len, 0));
		ATF_CHECK_EQ(0, chain_recognize(&format, fd, len, "f", &err));
		ATF_CHECK(format == chain_flat());
		close(fd);
		ATF_REQUIRE_EQ(0, unlink("f"));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, format__by_the_end_of_the_name);
	ATF_TP_ADD_TC(tp, format__by_name);
	ATF_TP_ADD_TC(tp, name__rule);
	ATF_TP_ADD_TC(tp, name__first_and_next);
	ATF_TP_ADD_TC(tp, name__later);
	ATF_TP_ADD_TC(tp, number__of_overlays_alone);
	ATF_TP_ADD_TC(tp, check__and_sizes);
	ATF_TP_ADD_TC(tp, recognize__short);
	return atf_no_error();
}
