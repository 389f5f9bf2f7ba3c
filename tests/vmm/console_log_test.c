/* SPDX-License-Identifier: ISC */
#include "vmm/host/console_log.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "base/clock.h"
#include "base/fd.h"
#include "state/vm_log.h"

#include "lib/bounded_log.h"
#include "lib/console_box.h"

/* Both files, one behind the other, are the lines up to `last` and no other. */
static void
check_lines(int dirfd, unsigned last)
{
	static const char *const names[] = { VM_CONSOLE_OLD, VM_CONSOLE_LOG };
	unsigned first = 0, n;
	size_t i, k, len;
	char *text;

	for (i = 0; i < 2; i++) {
		if (size_of(dirfd, names[i]) == 0)
			continue;
		ATF_REQUIRE(
		    fd_slurp(&text, &len, dirfd, names[i], MAX, NULL) == 0);
		ATF_CHECK_EQ(0, len % LINE_BYTES);
		for (k = 0; k < len; k += LINE_BYTES) {
			ATF_REQUIRE(sscanf(text + k, "line %u\n", &n) == 1);
			ATF_REQUIRE(first == 0 || n == first + 1);
			first = n;
		}
		free(text);
	}
	ATF_CHECK_EQ(last, first);
}

ATF_TC_WITHOUT_HEAD(bound__holds);
ATF_TC_BODY(bound__holds, tc)
{
	struct console_log log;
	struct vm vm;
	struct stat st;
	unsigned n;
	int dirfd;

	new_vm(&vm, &dirfd, "vm", MAX);
	open_log(&log, &vm, dirfd);
	for (n = 1; n <= 10000; n++) {
		number(&log, n);
		ATF_REQUIRE(sizes_of(dirfd) <= MAX);
		if (n % 100 == 0)
			check_lines(dirfd, n);
	}
	/* Half of it, less the end that waits for a line, is always there. */
	ATF_CHECK(sizes_of(dirfd) > MAX / 2 - MAX / 8);
	ATF_CHECK(fstatat(dirfd, VM_CONSOLE_LOG, &st, 0) == 0 &&
	    (st.st_mode & 0777) == 0600);
	ATF_CHECK_EQ(0, size_of(dirfd, VM_CONSOLE_NEW));
	/* The next run goes on behind what is there. */
	console_log_drop(&log);
	open_log(&log, &vm, dirfd);
	ATF_CHECK_EQ(size_of(dirfd, VM_CONSOLE_LOG), vm.console_from);
	number(&log, n);
	check_lines(dirfd, n);
	console_log_drop(&log);
	close(dirfd);
}

/* No line of an ordinary length is cut, whatever comes at once. */
ATF_TC_WITHOUT_HEAD(bound__lines_whole);
ATF_TC_BODY(bound__lines_whole, tc)
{
	static const size_t steps[] = { 1, 7, 1000, 3000, 100000 };
	const size_t len = 6000 * LINE_BYTES;
	char *text = malloc(len + LINE_BYTES), dir[16];
	struct console_log log;
	struct vm vm;
	size_t i, at, n;
	int dirfd;

	ATF_REQUIRE(text != NULL);
	for (at = 0; at < len; at += LINE_BYTES)
		snprintf(text + at, LINE_BYTES + 1, LINE_FORMAT,
		    (unsigned)(at / LINE_BYTES + 1));
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		snprintf(dir, sizeof(dir), "vm%zu", i);
		new_vm(&vm, &dirfd, dir, MAX);
		open_log(&log, &vm, dirfd);
		for (at = 0; at < len; at += n) {
			n = len - at < steps[i] ? len - at : steps[i];
			ATF_REQUIRE_EQ(n,
			    console_log_append(&log, text + at, n));
		}
		ATF_CHECK(sizes_of(dirfd) <= MAX);
		check_lines(dirfd, (unsigned)(len / LINE_BYTES));
		console_log_drop(&log);
		close(dirfd);
	}
	free(text);
}

/* A line that never ends is bounded like any other, and nothing of it lost. */
ATF_TC_WITHOUT_HEAD(bound__endless_line);
ATF_TC_BODY(bound__endless_line, tc)
{
	char block[1000];
	struct console_log log;
	struct vm vm;
	size_t i;
	int dirfd;

	memset(block, 'x', sizeof(block));
	new_vm(&vm, &dirfd, "vm", MAX);
	open_log(&log, &vm, dirfd);
	for (i = 0; i < 100; i++) {
		ATF_REQUIRE_EQ(sizeof(block),
		    console_log_append(&log, block, sizeof(block)));
		ATF_REQUIRE(sizes_of(dirfd) <= MAX);
	}
	ATF_CHECK_EQ(MAX / 2, size_of(dirfd, VM_CONSOLE_OLD));
	ATF_CHECK_EQ(100000 % (MAX / 2), size_of(dirfd, VM_CONSOLE_LOG));
	console_log_drop(&log);
	close(dirfd);
}

/* A log that is larger than its new bound keeps its end. */
ATF_TC_WITHOUT_HEAD(bound__lowered);
ATF_TC_BODY(bound__lowered, tc)
{
	struct console_log log;
	struct vm vm;
	unsigned n;
	int dirfd;

	new_vm(&vm, &dirfd, "vm", 0);
	open_log(&log, &vm, dirfd);
	for (n = 1; n <= 5000; n++)
		number(&log, n);
	console_log_drop(&log);
	ATF_CHECK_EQ(5000 * LINE_BYTES, sizes_of(dirfd));
	ATF_REQUIRE(linkat(dirfd, VM_CONSOLE_LOG, dirfd, "copy", 0) == 0);
	ATF_REQUIRE(renameat(dirfd, "copy", dirfd, VM_CONSOLE_OLD) == 0);
	ATF_REQUIRE(unlinkat(dirfd, VM_CONSOLE_LOG, 0) == 0);
	open_log(&log, &vm, dirfd);
	for (n = 5001; n <= 10000; n++)
		number(&log, n);
	console_log_drop(&log);
	vm.machine.console_max_bytes = MAX;
	open_log(&log, &vm, dirfd);
	ATF_CHECK(size_of(dirfd, VM_CONSOLE_LOG) <= MAX / 2);
	ATF_CHECK(size_of(dirfd, VM_CONSOLE_OLD) <= MAX / 2);
	ATF_CHECK(size_of(dirfd, VM_CONSOLE_OLD) > MAX / 2 - 2 * LINE_BYTES);
	ATF_CHECK_EQ(size_of(dirfd, VM_CONSOLE_LOG), vm.console_from);
	for (n = 10001; n <= 10600; n++)
		number(&log, n);
	check_lines(dirfd, 10600);
	console_log_drop(&log);
	close(dirfd);
}

/* Somebody takes the log away, or empties it. */
ATF_TC_WITHOUT_HEAD(bound__log_taken);
ATF_TC_BODY(bound__log_taken, tc)
{
	struct console_log log;
	struct vm vm;
	unsigned n;
	int dirfd;

	new_vm(&vm, &dirfd, "vm", MAX);
	open_log(&log, &vm, dirfd);
	for (n = 1; n <= 100; n++)
		number(&log, n);
	ATF_REQUIRE(renameat(dirfd, VM_CONSOLE_LOG, dirfd, "mine") == 0);
	for (; n <= 600; n++)
		number(&log, n);
	ATF_CHECK(size_of(dirfd, VM_CONSOLE_LOG) > 0);
	ATF_CHECK_EQ(0, size_of(dirfd, VM_CONSOLE_OLD));
	ATF_CHECK(size_of(dirfd, "mine") > 0);
	check_lines(dirfd, 600);
	ATF_REQUIRE(ftruncate(log.fd, 0) == 0);
	for (n = 1; n <= 300; n++)
		number(&log, n);
	ATF_CHECK_EQ(300 * LINE_BYTES, size_of(dirfd, VM_CONSOLE_LOG));
	ATF_CHECK_EQ(0, size_of(dirfd, VM_CONSOLE_OLD));
	console_log_drop(&log);
	close(dirfd);
}

/* What a rotation that was killed leaves behind stops no later one. */
ATF_TC_WITHOUT_HEAD(bound__killed_between);
ATF_TC_BODY(bound__killed_between, tc)
{
	struct console_log log;
	struct vm vm;
	unsigned n;
	int dirfd, fd, step;

	new_vm(&vm, &dirfd, "vm", MAX);
	open_log(&log, &vm, dirfd);
	for (n = 1, step = 0; step < 3; step++) {
		for (; n % 250 != 0; n++)
			number(&log, n);
		number(&log, n++);
		/* Linked; renamed, too; the new one made, too. */
		unlinkat(dirfd, VM_CONSOLE_NEW, 0);
		ATF_REQUIRE(linkat(dirfd, VM_CONSOLE_LOG, dirfd, VM_CONSOLE_NEW,
				0) == 0);
		if (step > 0)
			ATF_REQUIRE(renameat(dirfd, VM_CONSOLE_NEW, dirfd,
					VM_CONSOLE_OLD) == 0);
		if (step > 1) {
			fd = openat(dirfd, VM_CONSOLE_NEW,
			    O_WRONLY | O_CREAT | O_EXCL, 0600);
			ATF_REQUIRE(fd != -1);
			close(fd);
		}
		console_log_drop(&log);
		open_log(&log, &vm, dirfd);
		for (; n % 1000 != 0; n++)
			number(&log, n);
		ATF_CHECK(sizes_of(dirfd) <= MAX);
		check_lines(dirfd, n - 1);
	}
	console_log_drop(&log);
	close(dirfd);
}

/* The process, with a VMM on a socket and with one on a terminal. */
static void
check_process(enum console_kind kind, const char *dir)
{
	const unsigned lines = 5000;
	char *text = malloc(lines * LINE_BYTES + 1), got[8];
	struct stat st;
	struct box b;
	unsigned n;
	int fd;

	ATF_REQUIRE(text != NULL);
	for (n = 0; n < lines; n++)
		snprintf(text + n * LINE_BYTES, LINE_BYTES + 1, LINE_FORMAT,
		    n + 1);
	box_start_as(&b, dir, kind, MAX);
	fd = box_dial(&b);
	await_free(&b, false);
	close(fd);
	await_free(&b, true);
	box_run(&b, text, lines * LINE_BYTES, true);
	fd = box_dial(&b);
	while (fstatat(b.dirfd, VM_CONSOLE_LOG, &st, 0) == -1 ||
	    sizes_of(b.dirfd) < MAX / 2)
		clock_nap(1);
	/* It answers, both ways. */
	while (hear(fd, got, sizeof(got), QUIET_MS) > 0)
		continue;
	ATF_REQUIRE_EQ(1, write(fd, "\n", 1));
	ATF_CHECK_EQ(1, hear(fd, got, 1, WAIT_MS));
	close(fd);
	ATF_CHECK(sizes_of(b.dirfd) <= MAX);
	/* Its directory can be moved meanwhile. */
	ATF_REQUIRE(rename(dir, "moved") == 0);
	free(text);
	box_end(&b);
	b.dirfd = open_dir("moved");
	ATF_REQUIRE(
	    fd_slurp(&text, NULL, b.dirfd, VM_CONSOLE_LOG, MAX, NULL) == 0);
	ATF_CHECK(strstr(text, "line 00000005000\n\n") != NULL);
	free(text);
	ATF_REQUIRE(fd_remove_tree(AT_FDCWD, "moved", NULL) == 0);
	close(b.dirfd);
}

ATF_TC_WITHOUT_HEAD(process__terminal);
ATF_TC_BODY(process__terminal, tc)
{
	check_process(CONSOLE_TERMINAL, "vm");
}

ATF_TC_WITHOUT_HEAD(process__socket);
ATF_TC_BODY(process__socket, tc)
{
	check_process(CONSOLE_SOCKET, "vm");
}

/*
 * A disk without room for a new file: the guest goes on, the log as well as
 * soon as there is room, and the bound holds all the time.
 */
ATF_TC(process__disk_full);
ATF_TC_HEAD(process__disk_full, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(process__disk_full, tc)
{
	char line[LINE_BYTES + 1], name[16];
	int64_t deadline_ms;
	struct box b;
	unsigned n;
	int i, fd;

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mkdir("disk", 0700) == -1 ||
	    mount("none", "disk", "tmpfs", 0, "nr_inodes=32") == -1)
		atf_tc_skip("no tmpfs of our own: %s", strerror(errno));
	box_start_as(&b, "disk/vm", CONSOLE_SOCKET, MAX);
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "disk/%d", i);
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd == -1)
			break;
		close(fd);
	}
	ATF_REQUIRE_EQ(ENOSPC, errno);
	for (n = 1; n <= 2000; n++) {
		snprintf(line, sizeof(line), LINE_FORMAT, n);
		ATF_REQUIRE(write(b.tty, line, LINE_BYTES) == LINE_BYTES);
	}
	clock_nap(100);
	ATF_CHECK(sizes_of(b.dirfd) <= MAX);
	ATF_REQUIRE(unlink("disk/0") == 0 && unlink("disk/1") == 0);
	deadline_ms = clock_ms() + WAIT_MS;
	while (size_of(b.dirfd, VM_CONSOLE_OLD) == 0 &&
	    clock_left(deadline_ms) > 0)
		clock_nap(20);
	box_end(&b);
	b.dirfd = open_dir("disk/vm");
	check_lines(b.dirfd, 2000);
	close(b.dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, bound__holds);
	ATF_TP_ADD_TC(tp, bound__lines_whole);
	ATF_TP_ADD_TC(tp, bound__endless_line);
	ATF_TP_ADD_TC(tp, bound__lowered);
	ATF_TP_ADD_TC(tp, bound__log_taken);
	ATF_TP_ADD_TC(tp, bound__killed_between);
	ATF_TP_ADD_TC(tp, process__terminal);
	ATF_TP_ADD_TC(tp, process__socket);
	ATF_TP_ADD_TC(tp, process__disk_full);
	return atf_no_error();
}
