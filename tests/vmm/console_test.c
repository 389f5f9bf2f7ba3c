/* SPDX-License-Identifier: ISC */
#include "vmm/host/console.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "state/vm.h"

#include "lib/console_box.h"

ATF_TC_WITHOUT_HEAD(log__all_without_a_client);
ATF_TC_BODY(log__all_without_a_client, tc)
{
	struct box b;
	struct stat st;

	box_start(&b, "vm");
	ATF_CHECK_EQ(0, b.vm.console_from);
	ATF_CHECK(fstatat(b.dirfd, VM_CONSOLE_LOG, &st, 0) == 0 &&
	    (st.st_mode & 07777) == 0600);
	ATF_CHECK(fstatat(b.dirfd, VM_CONSOLE_SOCKET, &st, 0) == 0 &&
	    S_ISSOCK(st.st_mode) && (st.st_mode & 07777) == 0600);
	box_run(&b, "one\r\ntwo", 8, false);
	ATF_CHECK_EQ(b.vmm, waitpid(b.vmm, NULL, 0));
	b.vmm = 0;
	box_end(&b);
	check_log("vm", "one\r\ntwo", 8);
	/* The next start goes on in the same log, and takes the socket over. */
	box_start(&b, "vm");
	ATF_CHECK_EQ(8, b.vm.console_from);
	box_run(&b, "three", 5, true);
	await_log(&b, 13);
	box_end(&b);
	check_log("vm", "one\r\ntwothree", 13);
}

/* Every byte value, both ways: nobody on the way makes anything of it. */
ATF_TC_WITHOUT_HEAD(client__every_byte);
ATF_TC_BODY(client__every_byte, tc)
{
	char all[256], got[256];
	struct box b;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(all); i++)
		all[i] = (char)(unsigned char)i;
	box_start(&b, "vm");
	ATF_CHECK(console_is_free(b.dirfd));
	fd = box_dial(&b);
	await_free(&b, false);
	box_run(&b, all, sizeof(all), true);
	ATF_CHECK_EQ(sizeof(got), hear(fd, got, sizeof(got), WAIT_MS));
	ATF_CHECK(memcmp(all, got, sizeof(got)) == 0);
	ATF_REQUIRE(write(fd, all, sizeof(all)) == (ssize_t)sizeof(all));
	memset(got, 0, sizeof(got));
	ATF_CHECK_EQ(sizeof(got), hear(fd, got, sizeof(got), WAIT_MS));
	ATF_CHECK(memcmp(all, got, sizeof(got)) == 0);
	await_log(&b, 2 * sizeof(all));
	close(fd);
	await_free(&b, true);
	box_end(&b);
}

/* When the VMM ends its client hears the end of it, behind the last words. */
ATF_TC_WITHOUT_HEAD(client__vmm_ends);
ATF_TC_BODY(client__vmm_ends, tc)
{
	char got[64];
	struct box b;
	int fd;

	box_start(&b, "vm");
	fd = box_dial(&b);
	await_free(&b, false);
	box_run(&b, "last words", 10, false);
	ATF_CHECK_EQ(10, hear(fd, got, sizeof(got), WAIT_MS));
	ATF_CHECK(memcmp(got, "last words", 10) == 0);
	box_end(&b);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(client__second_waits);
ATF_TC_BODY(client__second_waits, tc)
{
	int first, second;
	char got[16];
	struct box b;

	box_start(&b, "vm");
	first = box_dial(&b);
	await_free(&b, false);
	second = box_dial(&b);
	box_run(&b, "hello", 5, true);
	ATF_CHECK_EQ(5, hear(first, got, 5, WAIT_MS));
	/* Nothing for it, and nothing of it. */
	ATF_CHECK_EQ(1, write(second, "x", 1));
	ATF_CHECK_EQ(0, hear(second, got, 1, QUIET_MS));
	ATF_CHECK_EQ(0, hear(first, got, 1, 0));
	close(first);
	ATF_CHECK_EQ(1, hear(second, got, 1, WAIT_MS));
	ATF_CHECK_EQ('x', got[0]);
	ATF_CHECK(!console_is_free(b.dirfd));
	close(second);
	await_free(&b, true);
	box_end(&b);
}

/* It misses something; guest and log do not. */
ATF_TC_WITHOUT_HEAD(client__does_not_read);
ATF_TC_BODY(client__does_not_read, tc)
{
	const size_t len = 4u << 20;
	char *text = malloc(len);
	struct box b;
	size_t i;
	int fd;

	ATF_REQUIRE(text != NULL);
	for (i = 0; i < len; i++)
		text[i] = (char)('a' + i / 1000 % 26);
	box_start(&b, "vm");
	fd = box_dial(&b);
	await_free(&b, false);
	box_run(&b, text, len, false);
	await_log(&b, len);
	i = hear(fd, text, len, QUIET_MS);
	ATF_CHECK_MSG(i > 0 && i < len, "%zu bytes for the client", i);
	for (i = 0; i < len; i++)
		text[i] = (char)('a' + i / 1000 % 26);
	box_end(&b);
	check_log("vm", text, len);
	close(fd);
	free(text);
}

/*
 * A guest that takes no input: who sent it and left keeps nobody away, and
 * what the guest prints is heard all the same.
 */
ATF_TC_WITHOUT_HEAD(client__guest_takes_no_input);
ATF_TC_BODY(client__guest_takes_no_input, tc)
{
	char block[4096], got[8];
	struct box b;
	ssize_t n;
	int fd, i;

	memset(block, 'k', sizeof(block));
	box_start(&b, "vm");
	fd = box_dial(&b);
	await_free(&b, false);
	/* Until terminal and socket are full. */
	for (i = 0; i < 10; clock_nap(20)) {
		n = send(fd, block, sizeof(block), MSG_DONTWAIT);
		i = n == -1 ? i + 1 : 0;
	}
	ATF_CHECK_EQ(3, write(b.tty, "abc", 3));
	ATF_CHECK_EQ(3, hear(fd, got, 3, WAIT_MS));
	close(fd);
	await_free(&b, true);
	fd = box_dial(&b);
	await_free(&b, false);
	ATF_CHECK_EQ(3, write(b.tty, "def", 3));
	ATF_CHECK_EQ(3, hear(fd, got, 3, WAIT_MS));
	ATF_CHECK(memcmp(got, "def", 3) == 0);
	close(fd);
	box_end(&b);
	check_log("vm", "abcdef", 6);
}

/* What an open descriptor of the process is, by its link in /proc. */
static void
check_descriptors(pid_t pid)
{
	static const char *const expected[] = { "/dev/null", "/dev/null",
		"/dev/null", "/dev/ptmx", "/console.lock", "/console.log",
		"socket:" };
	char path[64], link[512];
	unsigned seen = 0;
	struct dirent *de;
	ssize_t n;
	size_t i;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	dir = opendir(path);
	ATF_REQUIRE(dir != NULL);
	while ((de = readdir(dir)) != NULL) {
		n = readlinkat(dirfd(dir), de->d_name, link, sizeof(link) - 1);
		if (n == -1)
			continue;
		link[n] = '\0';
		for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
			if ((seen & 1u << i) == 0 &&
			    (strstr(link, expected[i]) != NULL ||
				(i == 3 && strstr(link, "/ptmx") != NULL)))
				break;
		ATF_CHECK_MSG(i < sizeof(expected) / sizeof(expected[0]),
		    "%s: %s", de->d_name, link);
		seen |= 1u << i;
	}
	closedir(dir);
	ATF_CHECK_EQ(0x7f, seen);
}

/* What the tool held, it does not hold: locks, pipes, its session. */
ATF_TC_WITHOUT_HEAD(start__tool_ends);
ATF_TC_BODY(start__tool_ends, tc)
{
	struct box b = { .tty = -1 };
	int said[2], shared[2], lock = -1, fd;
	struct error err = { 0 };
	char got[16];
	pid_t tool;

	ATF_REQUIRE(mkdir("vm", 0700) == 0);
	ATF_REQUIRE(pipe2(said, O_CLOEXEC) == 0);
	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, shared) == 0);
	tool = fork();
	ATF_REQUIRE(tool != -1);
	if (tool == 0) {
		dup2(said[1], STDOUT_FILENO);
		if (lock_dir(&lock, AT_FDCWD, "vm", LOCK_EXCLUSIVE, 0, &err) ==
			-1 ||
		    box_console(&b, lock, &err) == -1)
			_exit(1);
		box_run(&b, "here ", 5, true);
		if (write(shared[1], &b, sizeof(b)) != sizeof(b))
			_exit(2);
		_exit(0);
	}
	close(said[1]);
	close(shared[1]);
	ATF_CHECK_EQ((ssize_t)sizeof(b), read(shared[0], &b, sizeof(b)));
	ATF_CHECK_EQ(tool, waitpid(tool, NULL, 0));
	ATF_CHECK_EQ(0, read(said[0], got, sizeof(got)));
	ATF_CHECK_EQ_MSG(0,
	    lock_dir(&lock, AT_FDCWD, "vm", LOCK_EXCLUSIVE, 0, &err), "%s",
	    err.msg);
	close(lock);
	ATF_CHECK(getsid(b.console.pid) == b.console.pid);
	check_descriptors(b.console.pid);
	b.dirfd = open_dir("vm");
	await_log(&b, 5); /* else it is heard, too */
	fd = box_dial(&b);
	await_free(&b, false);
	ATF_CHECK_EQ(5, write(fd, "input", 5));
	ATF_CHECK_EQ(5, hear(fd, got, 5, WAIT_MS));
	ATF_CHECK(memcmp(got, "input", 5) == 0);
	await_log(&b, 10);
	close(fd);
	kill(b.vmm, SIGKILL);
	b.vmm = 0;
	box_end(&b);
	check_log("vm", "here input", 10);
}

/* The tool dies before it has a VMM: nothing stays behind. */
ATF_TC_WITHOUT_HEAD(start__tool_dies);
ATF_TC_BODY(start__tool_dies, tc)
{
	struct box b;

	box_start(&b, "vm");
	box_end(&b);
	check_log("vm", "", 0);
}

ATF_TC_WITHOUT_HEAD(signals__ignored);
ATF_TC_BODY(signals__ignored, tc)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT,
		SIGPIPE };
	struct box b;
	size_t i;

	box_start(&b, "vm");
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		ATF_CHECK(kill(b.console.pid, numbers[i]) == 0);
	box_run(&b, "still", 5, true);
	await_log(&b, 5);
	ATF_CHECK(proc_is_alive(&b.console));
	box_end(&b);
}

/* Killed: the VMM is told so by its own writes, and by nothing else. */
ATF_TC_WITHOUT_HEAD(console__killed);
ATF_TC_BODY(console__killed, tc)
{
	struct box b;
	int fd = -1;
	char ch;

	box_start(&b, "vm");
	ATF_CHECK(console_is_writing(b.dirfd));
	ATF_REQUIRE(kill(b.console.pid, SIGKILL) == 0);
	ATF_REQUIRE(waitpid(b.console.pid, NULL, 0) == b.console.pid);
	errno = 0;
	ATF_CHECK_EQ(-1, write(b.tty, "x", 1));
	ATF_CHECK_EQ(EIO, errno);
	ATF_CHECK_EQ(0, read(b.tty, &ch, 1));
	ATF_CHECK(console_is_free(b.dirfd));
	ATF_CHECK(!console_is_writing(b.dirfd));
	ATF_CHECK_EQ(-1, fd_dial(&fd, b.dirfd, VM_CONSOLE_SOCKET, NULL));
	box_end(&b);
}

/* A log that can grow no more, and then can: as with a full disk. */
ATF_TC_WITHOUT_HEAD(log__no_room);
ATF_TC_BODY(log__no_room, tc)
{
	const struct rlimit little = { 10, RLIM_INFINITY };
	const struct rlimit enough = { RLIM_INFINITY, RLIM_INFINITY };
	char got[32];
	struct box b;
	int fd;

	box_start(&b, "vm");
	ATF_REQUIRE(prlimit(b.console.pid, RLIMIT_FSIZE, &little, NULL) == 0);
	fd = box_dial(&b);
	await_free(&b, false);
	box_run(&b, "0123456789abcdef", 16, true);
	ATF_CHECK_EQ(16, hear(fd, got, 16, WAIT_MS));
	await_log(&b, 10);
	/* The guest goes on. */
	ATF_CHECK_EQ(4, write(fd, "more", 4));
	ATF_CHECK_EQ(4, hear(fd, got, 4, WAIT_MS));
	await_log(&b, 10);
	ATF_REQUIRE(prlimit(b.console.pid, RLIMIT_FSIZE, &enough, NULL) == 0);
	await_log(&b, 20);
	close(fd);
	box_end(&b);
	check_log("vm", "0123456789abcdefmore", 20);
}

/* More than it keeps is lost, but it is not kept from going on. */
ATF_TC_WITHOUT_HEAD(log__no_room_for_long);
ATF_TC_BODY(log__no_room_for_long, tc)
{
	const size_t len = 1u << 20, held = 64u << 10;
	const struct rlimit none = { 0, RLIM_INFINITY };
	const struct rlimit enough = { RLIM_INFINITY, RLIM_INFINITY };
	char *text = malloc(len), ch = '\0';
	struct box b;
	int fd, i;

	ATF_REQUIRE(text != NULL);
	memset(text, 'x', len);
	box_start(&b, "vm");
	ATF_REQUIRE(prlimit(b.console.pid, RLIMIT_FSIZE, &none, NULL) == 0);
	box_run(&b, text, len, true);
	/* It takes input: it has printed all, and was not made to wait. */
	fd = box_dial(&b);
	for (i = 0; i < 100 && ch != 'q'; i++) {
		ATF_CHECK_EQ(1, write(fd, "q", 1));
		while (ch != 'q' && hear(fd, &ch, 1, QUIET_MS) == 1)
			continue;
	}
	ATF_CHECK_EQ('q', ch);
	close(fd);
	ATF_REQUIRE(prlimit(b.console.pid, RLIMIT_FSIZE, &enough, NULL) == 0);
	await_log(&b, held);
	box_end(&b);
	check_log("vm", text, held);
	free(text);
}

/* The directory gets another name, and another one gets its name. */
ATF_TC_WITHOUT_HEAD(directory__renamed);
ATF_TC_BODY(directory__renamed, tc)
{
	struct box b;
	char got[8];
	int fd;

	box_start(&b, "vm");
	ATF_REQUIRE(mkdir("other", 0700) == 0);
	ATF_REQUIRE(
	    renameat2(AT_FDCWD, "vm", AT_FDCWD, "other", RENAME_EXCHANGE) == 0);
	fd = box_dial(&b);
	await_free(&b, false);
	box_run(&b, "moved", 5, true);
	ATF_CHECK_EQ(5, hear(fd, got, 5, WAIT_MS));
	close(fd);
	box_end(&b);
	check_log("other", "moved", 5);
	ATF_CHECK_EQ(-1, access("vm/" VM_CONSOLE_LOG, F_OK));
}

/* As in a restore: two VMMs, one log; each has a client of its own. */
ATF_TC_WITHOUT_HEAD(log__shared_by_two);
ATF_TC_BODY(log__shared_by_two, tc)
{
	char text[2][6000];
	struct box b[2];
	size_t i, len = 0, n[2] = { 0, 0 };
	char *log;
	int fd;

	box_start(&b[0], "old");
	ATF_REQUIRE(mkdir("new", 0700) == 0);
	ATF_REQUIRE(link("old/" VM_CONSOLE_LOG, "new/" VM_CONSOLE_LOG) == 0);
	fd = box_dial(&b[0]);
	await_free(&b[0], false);
	box_start(&b[1], "new");
	ATF_CHECK(console_is_free(b[1].dirfd));
	memset(text[0], 'o', sizeof(text[0]));
	memset(text[1], 'n', sizeof(text[1]));
	box_run(&b[0], text[0], sizeof(text[0]), true);
	box_run(&b[1], text[1], sizeof(text[1]), true);
	await_log(&b[0], 2 * sizeof(text[0]));
	ATF_REQUIRE(fd_slurp(&log, &len, b[1].dirfd, VM_CONSOLE_LOG, 1u << 20,
			NULL) == 0);
	for (i = 0; i < len; i++)
		n[log[i] == 'n']++;
	ATF_CHECK_EQ(sizeof(text[0]), n[0]);
	ATF_CHECK_EQ(sizeof(text[1]), n[1]);
	free(log);
	close(fd);
	box_end(&b[0]);
	ATF_CHECK(console_is_writing(b[1].dirfd));
	box_end(&b[1]);
}

ATF_TC_WITHOUT_HEAD(start__refused);
ATF_TC_BODY(start__refused, tc)
{
	struct console_parts console = CONSOLE_NONE;
	struct error err = { 0 };
	struct vm vm = { .console_from = 0 };
	int dirfd;

	ATF_REQUIRE(mkdir("vm", 0700) == 0);
	dirfd = open_dir("vm");
	/* A link in place of the log would have us write elsewhere. */
	ATF_REQUIRE(symlink("../elsewhere", "vm/" VM_CONSOLE_LOG) == 0);
	ATF_CHECK_EQ(-1,
	    console_open(&console, CONSOLE_TERMINAL, &vm, dirfd, &err));
	ATF_CHECK_STREQ("console.log: Too many levels of symbolic links",
	    err.msg);
	ATF_CHECK_EQ(-1, access("elsewhere", F_OK));
	console_drop(&console);
	ATF_REQUIRE(unlink("vm/" VM_CONSOLE_LOG) == 0);
	ATF_REQUIRE(mkdir("vm/" VM_CONSOLE_SOCKET, 0700) == 0);
	ATF_CHECK_EQ(-1,
	    console_open(&console, CONSOLE_TERMINAL, &vm, dirfd, &err));
	ATF_CHECK_STREQ("console.sock: Is a directory", err.msg);
	ATF_CHECK_EQ(-1, console.tty);
	console_drop(&console);
	ATF_CHECK(!console_is_writing(dirfd));
	close(dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, log__all_without_a_client);
	ATF_TP_ADD_TC(tp, client__every_byte);
	ATF_TP_ADD_TC(tp, client__vmm_ends);
	ATF_TP_ADD_TC(tp, client__second_waits);
	ATF_TP_ADD_TC(tp, client__does_not_read);
	ATF_TP_ADD_TC(tp, client__guest_takes_no_input);
	ATF_TP_ADD_TC(tp, start__tool_ends);
	ATF_TP_ADD_TC(tp, start__tool_dies);
	ATF_TP_ADD_TC(tp, signals__ignored);
	ATF_TP_ADD_TC(tp, console__killed);
	ATF_TP_ADD_TC(tp, log__no_room);
	ATF_TP_ADD_TC(tp, log__no_room_for_long);
	ATF_TP_ADD_TC(tp, directory__renamed);
	ATF_TP_ADD_TC(tp, log__shared_by_two);
	ATF_TP_ADD_TC(tp, start__refused);
	return atf_no_error();
}
