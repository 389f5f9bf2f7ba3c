/* SPDX-License-Identifier: ISC */
/* What we write, QEMU reads; what QEMU writes, we read. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/strv.h"
#include "disk/qcow2.h"
#include "lib/disk_make.h"

/* Runs a program, its words separated by blanks; skips where it is missing. */
static void
run(char *out, size_t cap, const char *words)
{
	char *copy = strdup(words), *save = NULL, *word;
	struct proc_run how = { .dirfd = -1,
		.stdin_fd = -1,
		.out = out,
		.out_cap = cap,
		.deadline_ms = clock_ms() + 60000 };
	struct error err = { 0 };
	struct strv argv = { 0 };

	ATF_REQUIRE(copy != NULL);
	word = strtok_r(copy, " ", &save);
	while (word != NULL) {
		ATF_REQUIRE_EQ(0, strv_add(&argv, &err, "%s", word));
		word = strtok_r(NULL, " ", &save);
	}
	free(copy);
	how.argv = argv.v;
	if (proc_run(&how, &err) == -1) {
		if (strstr(err.msg, "program not found") != NULL)
			atf_tc_skip("%s", err.msg);
		atf_tc_fail("%s: %s", words, err.msg);
	}
	strv_fini(&argv);
}

static void
make_overlay(const char *name, uint64_t size, const char *backing,
    const char *format)
{
	struct error err = { 0 };
	int fd = make_file(name, 0);

	ATF_REQUIRE_EQ_MSG(0,
	    qcow2_write_overlay(fd, size, backing, format, name, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ_MSG(0,
	    qcow2_check(fd, make_size(fd), size, backing, format, name, &err),
	    "%s", err.msg);
	close(fd);
}

/* The bytes that we write, in full but for zeros. */
ATF_TC_WITHOUT_HEAD(write__golden);
ATF_TC_BODY(write__golden, tc)
{
	static const unsigned char head[] =
	    "QFI\xfb\0\0\0\3"
	    "\0\0\0\0\0\0\0\x88\0\0\0\7\0\0\0\x10"
	    "\0\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\2"
	    "\0\0\0\0\0\3\0\0\0\0\0\0\0\1\0\0"
	    "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\4\0\0\0\x70\0\0\0\0\0\0\0\0"
	    "\xe2\x79\x2a\xca\0\0\0\3raw\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "cow.raw";
	unsigned char *want = calloc(4, 65536), *got = malloc(4 * 65536);
	int fd;

	ATF_REQUIRE(want != NULL && got != NULL);
	memcpy(want, head, sizeof(head));
	want[65536 + 5] = 2; /* refcount table: block at 128 KiB */
	memcpy(want + 2 * 65536, "\0\1\0\1\0\1\0\1", 8);
	make_overlay("f", NUM_GIB, "cow.raw", "raw");
	fd = open("f", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_CHECK_EQ(4 * 65536, make_size(fd));
	ATF_REQUIRE_EQ(4 * 65536, pread(fd, got, 4 * 65536, 0));
	ATF_CHECK_EQ(0, memcmp(want, got, 4 * 65536));
	close(fd);
	free(got);
	free(want);
}

ATF_TC_WITHOUT_HEAD(write__accepted_by_qemu);
ATF_TC_BODY(write__accepted_by_qemu, tc)
{
	static const uint64_t sizes[] = { 512, 512 * NUM_MIB,
		512 * NUM_MIB + 512, NUM_TIB, 4 * NUM_TIB, QCOW2_SIZE_MAX };
	char out[4096], want[64];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fd = make_file("cow.raw", 0);
		if (ftruncate(fd, (off_t)sizes[i]) == -1)
			ATF_REQUIRE_EQ(0, ftruncate(fd, 512));
		close(fd);
		make_overlay("f", sizes[i], "cow.raw", "raw");
		run(out, sizeof(out), "qemu-img check -q f");
		run(out, sizeof(out), "qemu-img info --output=json f");
		snprintf(want, sizeof(want), "\"virtual-size\": %" PRIu64 ",",
		    sizes[i]);
		ATF_CHECK_MSG(strstr(out, want) != NULL, "%s", out);
		ATF_CHECK(strstr(out, "\"backing-filename-format\": \"raw\"") !=
		    NULL);
		ATF_CHECK(
		    strstr(out, "\"backing-filename\": \"cow.raw\"") != NULL);
		ATF_CHECK(strstr(out, "\"refcount-bits\": 16") != NULL);
		ATF_REQUIRE_EQ(0, unlink("f"));
		ATF_REQUIRE_EQ(0, unlink("cow.raw"));
	}
}

ATF_TC_WITHOUT_HEAD(write__written_to_by_qemu);
ATF_TC_BODY(write__written_to_by_qemu, tc)
{
	struct error err = { 0 };
	char out[4096];
	int fd = make_file("cow.raw", 5 * NUM_GIB);

	make_data(fd, 4096, "base", 4);
	close(fd);
	make_overlay("cow.1.qcow2", 5 * NUM_GIB, "cow.raw", "raw");
	make_overlay("cow.2.qcow2", 5 * NUM_GIB, "cow.1.qcow2", "qcow2");
	/* qemu-io takes its commands with blanks: no program of words. */
	{
		char io[] = "qemu-io", c[] = "-c", one[] = "write -P 5 1M 3M",
		     two[] = "write -P 6 5368643584 64k",
		     name[] = "cow.1.qcow2";
		char *argv[] = { io, c, one, c, two, name, NULL };
		struct proc_run how = { .argv = argv,
			.dirfd = -1,
			.stdin_fd = -1,
			.deadline_ms = clock_ms() + 60000 };

		if (proc_run(&how, &err) == -1)
			atf_tc_skip("%s", err.msg);
	}
	run(out, sizeof(out), "qemu-img check -q cow.1.qcow2");
	run(out, sizeof(out), "qemu-img convert -O raw cow.2.qcow2 all.raw");
	fd = open("all.raw", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_CHECK_EQ(5 * NUM_GIB, make_size(fd));
	ATF_REQUIRE_EQ(4, pread(fd, out, 4, 4096));
	ATF_CHECK_EQ(0, memcmp(out, "base", 4));
	ATF_REQUIRE_EQ(2, pread(fd, out, 2, (4 << 20) - 1));
	ATF_CHECK_EQ(0, memcmp(out, "\5\0", 2));
	ATF_REQUIRE_EQ(1, pread(fd, out, 2, (off_t)(5 * NUM_GIB - 1)));
	ATF_CHECK_EQ(6, out[0]);
	close(fd);

	/* Ours still, after QEMU has written to it. */
	fd = open("cow.1.qcow2", O_RDONLY | O_CLOEXEC);
	ATF_CHECK_EQ_MSG(0,
	    qcow2_check(fd, make_size(fd), 5 * NUM_GIB, "cow.raw", "raw", "f",
		&err),
	    "%s", err.msg);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(write__refused);
ATF_TC_BODY(write__refused, tc)
{
	static const struct {
		uint64_t size;
		const char *backing, *format, *msg;
	} bad[] = {
		{ 0, "b", "raw", "f: no overlay of 0 bytes" },
		{ 511, "b", "raw", "f: no overlay of 511 bytes" },
		{ QCOW2_SIZE_MAX + 512, "b", "raw",
		    "f: no overlay of 8796093022720 bytes" },
		{ 512, "", "raw", "f: no overlay over a file named ''" },
		{ 512, "a/b", "raw", "f: no overlay over a file named 'a/b'" },
		{ 512, "nbd:b", "raw",
		    "f: no overlay over a file named 'nbd:b'" },
		{ 512, "b", "a-name-of-16-byt",
		    "f: no overlay over format 'a-name-of-16-byt'" },
		{ 512, "b", "", "f: no overlay over format ''" },
	};
	struct error err = { 0 };
	size_t i;
	int fd = make_file("f", 0);

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ATF_CHECK_EQ(-1,
		    qcow2_write_overlay(fd, bad[i].size, bad[i].backing,
			bad[i].format, "f", &err));
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ(bad[i].msg, err.msg);
	}
	ATF_CHECK_EQ(0, make_size(fd));
	close(fd);
}

/* What qemu-img makes, we read. */
ATF_TC_WITHOUT_HEAD(head__made_by_qemu);
ATF_TC_BODY(head__made_by_qemu, tc)
{
	static const struct {
		const char *options, *backing, *format;
	} made[] = {
		{ "-o compat=0.10 f 1G", "", "" },
		{ "-o compat=0.10 -b b -F raw f", "b", "raw" },
		{ "-o cluster_size=512,compression_type=zstd f 1G", "", "" },
		{ "-o cluster_size=2M,extended_l2=on -b b -F raw f", "b",
		    "raw" },
		{ "-o refcount_bits=1 f 1G", "", "" },
		{ "-o preallocation=metadata f 1G", "", "" },
	};
	char out[4096], words[256];
	struct error err = { 0 };
	size_t i;
	int fd;

	close(make_file("b", NUM_GIB));
	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(words, sizeof(words), "qemu-img create -q -f qcow2 %s",
		    made[i].options);
		run(out, sizeof(out), words);
		fd = open("f", O_RDONLY | O_CLOEXEC);
		ATF_REQUIRE(fd != -1);
		ATF_CHECK_EQ_MSG(0,
		    qcow2_check(fd, make_size(fd), NUM_GIB, made[i].backing,
			made[i].format, "f", &err),
		    "%s: %s", made[i].options, err.msg);
		close(fd);
		ATF_REQUIRE_EQ(0, unlink("f"));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, write__golden);
	ATF_TP_ADD_TC(tp, write__accepted_by_qemu);
	ATF_TP_ADD_TC(tp, write__written_to_by_qemu);
	ATF_TP_ADD_TC(tp, write__refused);
	ATF_TP_ADD_TC(tp, head__made_by_qemu);
	return atf_no_error();
}
