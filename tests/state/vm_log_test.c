/* SPDX-License-Identifier: ISC */
#include "state/vm_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "base/clock.h"

#include "lib/bounded_log.h"

/*
 * Reads all that there is, lines behind line *seen and, unless some may be
 * missing, the very next ones; *seen becomes the last.
 */
static void
read_all(struct vm_log *reader, const struct vm *vm, int dirfd, unsigned *seen,
    bool is_lossless)
{
	struct error err = { 0 };
	char buf[4096 * LINE_BYTES];
	unsigned n;
	size_t got, k;
	bool anew;

	for (;;) {
		ATF_REQUIRE_EQ_MSG(0,
		    vm_log_read(reader, vm, dirfd, buf, sizeof(buf), &got,
			&anew, &err),
		    "%s", err.msg);
		ATF_REQUIRE(!anew || *seen == 0);
		ATF_REQUIRE_EQ(0, got % LINE_BYTES);
		if (got == 0)
			return;
		for (k = 0; k < got; k += LINE_BYTES) {
			ATF_REQUIRE(sscanf(buf + k, "line %u\n", &n) == 1);
			ATF_REQUIRE_MSG(is_lossless ? n == *seen + 1
						    : n > *seen,
			    "%u behind %u", n, *seen);
			*seen = n;
		}
	}
}

/* Appends, as reader and rotation take turns. */
static void
read_along(const char *dir, unsigned lines_a_look, bool is_lossless)
{
	struct console_log log;
	struct vm_log reader;
	unsigned n = 0, seen = 0, k;
	struct vm vm;
	int dirfd;

	new_vm(&vm, &dirfd, dir, MAX);
	vm_log_init(&reader);
	open_log(&log, &vm, dirfd);
	while (n < 20000) {
		for (k = 0; k < lines_a_look; k++)
			number(&log, ++n);
		read_all(&reader, &vm, dirfd, &seen, is_lossless);
		ATF_REQUIRE_EQ(n, seen);
	}
	vm_log_fini(&reader);
	console_log_drop(&log);
	close(dirfd);
}

ATF_TC_WITHOUT_HEAD(reader__across_rotations);
ATF_TC_BODY(reader__across_rotations, tc)
{
	/* As long as there are two rotations in between at most. */
	read_along("few", 7, true);
	read_along("one", 400, true);
	read_along("two", 700, true);
}

ATF_TC_WITHOUT_HEAD(reader__overtaken);
ATF_TC_BODY(reader__overtaken, tc)
{
	read_along("vm", 3000, false);
}

/* What came before is not read again where the log did not become it. */
ATF_TC_WITHOUT_HEAD(reader__log_taken);
ATF_TC_BODY(reader__log_taken, tc)
{
	struct console_log log;
	struct vm_log reader;
	unsigned n, seen = 0;
	struct vm vm;
	int dirfd;

	new_vm(&vm, &dirfd, "vm", MAX);
	vm_log_init(&reader);
	open_log(&log, &vm, dirfd);
	for (n = 1; n <= 600; n++)
		number(&log, n);
	read_all(&reader, &vm, dirfd, &seen, true);
	ATF_CHECK(size_of(dirfd, VM_CONSOLE_OLD) > 0);
	ATF_REQUIRE(renameat(dirfd, VM_CONSOLE_LOG, dirfd, "mine") == 0);
	read_all(&reader, &vm, dirfd, &seen, true);
	/* A file's time is no finer than the kernel's tick. */
	clock_nap(20);
	for (; n <= 900; n++)
		number(&log, n);
	ATF_CHECK(size_of(dirfd, VM_CONSOLE_LOG) > 0);
	read_all(&reader, &vm, dirfd, &seen, true);
	ATF_CHECK_EQ(900, seen);
	vm_log_fini(&reader);
	console_log_drop(&log);
	close(dirfd);
}

/* In the middle of a rotation both names lead to one file. */
ATF_TC_WITHOUT_HEAD(reader__begins_in_a_rotation);
ATF_TC_BODY(reader__begins_in_a_rotation, tc)
{
	struct console_log log;
	unsigned n;
	size_t len;
	char *text;
	struct vm vm;
	int dirfd;

	new_vm(&vm, &dirfd, "vm", MAX);
	open_log(&log, &vm, dirfd);
	for (n = 1; n <= 600; n++)
		number(&log, n);
	ATF_REQUIRE(unlinkat(dirfd, VM_CONSOLE_OLD, 0) == 0);
	ATF_REQUIRE(
	    linkat(dirfd, VM_CONSOLE_LOG, dirfd, VM_CONSOLE_OLD, 0) == 0);
	ATF_REQUIRE_EQ(0, vm_log_tail(&text, &len, &vm, dirfd, MAX, NULL));
	ATF_CHECK_EQ(size_of(dirfd, VM_CONSOLE_LOG), len);
	free(text);
	console_log_drop(&log);
	close(dirfd);
}

/* Of all that is there only what the present run has printed. */
static void
check_tail(const struct vm *vm, int dirfd, unsigned first, unsigned last)
{
	struct error err = { 0 };
	char *text, line[LINE_BYTES + 1], buf[1 << 16];
	struct vm_log reader;
	size_t len, got;
	bool anew;

	ATF_REQUIRE_EQ_MSG(0,
	    vm_log_tail(&text, &len, vm, dirfd, 1 << 20, &err), "%s", err.msg);
	ATF_CHECK_EQ((last + 1 - first) * LINE_BYTES, len);
	if (len > 0) {
		snprintf(line, sizeof(line), LINE_FORMAT, first);
		ATF_CHECK(memcmp(text, line, LINE_BYTES) == 0);
		snprintf(line, sizeof(line), LINE_FORMAT, last);
		ATF_CHECK(
		    memcmp(text + len - LINE_BYTES, line, LINE_BYTES) == 0);
	}
	/* One that begins to read now begins there, too. */
	vm_log_init(&reader);
	ATF_REQUIRE_EQ(0,
	    vm_log_read(&reader, vm, dirfd, buf, sizeof(buf), &got, &anew,
		NULL));
	ATF_CHECK(anew);
	ATF_CHECK(got <= len && memcmp(buf, text, got) == 0);
	ATF_CHECK(got > 0 || len == 0);
	vm_log_fini(&reader);
	free(text);
	if (len == 0)
		return;
	/* The last bytes of both files, or of the newer alone. */
	ATF_REQUIRE_EQ(0, vm_log_tail(&text, &len, vm, dirfd, 100, NULL));
	ATF_CHECK_EQ(len, 100);
	snprintf(line, sizeof(line), LINE_FORMAT, last);
	ATF_CHECK(memcmp(text + 100 - LINE_BYTES, line, LINE_BYTES) == 0);
	free(text);
}

ATF_TC_WITHOUT_HEAD(run__begins);
ATF_TC_BODY(run__begins, tc)
{
	const unsigned per_file = (MAX / 2 - MAX / 16) / LINE_BYTES + 1;
	struct console_log log;
	struct vm vm;
	unsigned n, run, first, k, there;
	size_t len;
	char *text;
	int dirfd;

	new_vm(&vm, &dirfd, "vm", MAX);
	ATF_CHECK_EQ(-1, vm_log_tail(&text, &len, &vm, dirfd, 100, NULL));
	for (n = 1, run = 0; run < 12; run++) {
		open_log(&log, &vm, dirfd);
		first = n;
		/* None, in one file, over one end of a file, over many. */
		check_tail(&vm, dirfd, n, n - 1);
		for (k = 0; k < 10 + run * per_file / 4; k++)
			number(&log, n++);
		there = (unsigned)(sizes_of(dirfd) / LINE_BYTES);
		check_tail(&vm, dirfd, n - first < there ? first : n - there,
		    n - 1);
		console_log_drop(&log);
	}
	close(dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, reader__across_rotations);
	ATF_TP_ADD_TC(tp, reader__overtaken);
	ATF_TP_ADD_TC(tp, reader__log_taken);
	ATF_TP_ADD_TC(tp, reader__begins_in_a_rotation);
	ATF_TP_ADD_TC(tp, run__begins);
	return atf_no_error();
}
