/* SPDX-License-Identifier: ISC */
/*
 * A console for tests: the VMM is a child of the test with the terminal as its
 * stdin and stdout.
 */
#ifndef TESTS_CONSOLE_BOX_H
#define TESTS_CONSOLE_BOX_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "base/clock.h"
#include "base/fd.h"
#include "state/vm.h"
#include "vmm/host/console.h"

#define WAIT_MS 30000 /* for what comes soon */
#define QUIET_MS 300 /* for what must not come */

/* A VM whose VMM does what the test says. */
struct box {
	int dirfd;
	int tty; /* -1: the VMM has it */
	struct proc_id console;
	struct vm vm; /* what the log needs of it */
	pid_t vmm;
	enum console_kind kind;
};

static inline int
open_dir(const char *name)
{
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ATF_REQUIRE(fd != -1);
	return fd;
}

/* A console that runs; the caller has the VMM's end. */
static inline int
box_console(struct box *b, int dirfd, struct error *err)
{
	struct console_parts c = CONSOLE_NONE;
	pid_t pid;
	int rc = -1;

	if (console_open(&c, b->kind, &b->vm, dirfd, err) == 0 &&
	    console_run(&c, &pid, err) == 0)
		rc = proc_identify(&b->console, pid, err);
	if (rc == 0) {
		b->tty = c.tty;
		c.tty = -1;
	}
	console_drop(&c);
	return rc;
}

static inline void
box_start_as(struct box *b, const char *dir, enum console_kind kind,
    uint64_t max_bytes)
{
	struct error err = { 0 };

	memset(b, 0, sizeof(*b));
	b->kind = kind;
	b->vm.machine.console_max_bytes = max_bytes;
	ATF_REQUIRE(mkdir(dir, 0700) == 0 || errno == EEXIST);
	b->dirfd = open_dir(dir);
	ATF_REQUIRE_EQ_MSG(0, box_console(b, b->dirfd, &err), "%s", err.msg);
	ATF_REQUIRE(proc_is_alive(&b->console));
}

static inline void
box_start(struct box *b, const char *dir)
{
	box_start_as(b, dir, CONSOLE_TERMINAL, 0);
}

/* The VMM: prints the text, then copies its input to its output, or ends. */
static inline void
box_run(struct box *b, const char *text, size_t len, bool echoes)
{
	char ch;

	b->vmm = fork();
	ATF_REQUIRE(b->vmm != -1);
	if (b->vmm == 0) {
		if (dup2(b->tty, 0) == -1 || dup2(0, 1) == -1 ||
		    dup2(0, 2) == -1 ||
		    syscall(SYS_close_range, 3u, ~0u, 0u) == -1 ||
		    fd_write(1, text, len, "tty", NULL) == -1)
			_exit(1);
		while (echoes && read(0, &ch, 1) == 1)
			if (write(1, &ch, 1) != 1)
				_exit(2);
		_exit(0);
	}
	fd_drop(&b->tty);
}

/* Ends the VMM, and waits for the console's process to end, too. */
static inline void
box_end(struct box *b)
{
	int64_t deadline_ms = clock_ms() + WAIT_MS;

	fd_drop(&b->tty);
	if (b->vmm > 0) {
		kill(b->vmm, SIGKILL);
		waitpid(b->vmm, NULL, 0);
	}
	console_await_end(b->dirfd, deadline_ms);
	ATF_CHECK(!console_is_writing(b->dirfd));
	while (proc_is_alive(&b->console) && clock_left(deadline_ms) > 0)
		clock_nap(1);
	ATF_CHECK(!proc_is_alive(&b->console));
	waitpid(b->console.pid, NULL, 0);
	fd_drop(&b->dirfd);
}

static inline int
box_dial(const struct box *b)
{
	struct error err = { 0 };
	int fd;

	ATF_REQUIRE_EQ_MSG(0, fd_dial(&fd, b->dirfd, VM_CONSOLE_SOCKET, &err),
	    "%s", err.msg);
	return fd;
}

static inline void
await_free(const struct box *b, bool is_free)
{
	int64_t deadline_ms = clock_ms() + WAIT_MS;

	while (
	    console_is_free(b->dirfd) != is_free && clock_left(deadline_ms) > 0)
		clock_nap(1);
	ATF_REQUIRE_EQ(is_free, console_is_free(b->dirfd));
}

/* Reads until `len` bytes are there, the other end closes or time is over. */
static inline size_t
hear(int fd, char *buf, size_t len, int ms)
{
	int64_t deadline_ms = clock_ms() + ms;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t got = 0;
	ssize_t n;

	while (got < len && poll(&pfd, 1, clock_left(deadline_ms)) == 1) {
		n = recv(fd, buf + got, len - got, 0);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

static inline void
await_log(const struct box *b, size_t len)
{
	int64_t deadline_ms = clock_ms() + WAIT_MS;
	struct stat st = { 0 };

	while (fstatat(b->dirfd, VM_CONSOLE_LOG, &st, 0) == 0 &&
	    (size_t)st.st_size < len && clock_left(deadline_ms) > 0)
		clock_nap(1);
	ATF_REQUIRE_EQ_MSG(len, (size_t)st.st_size, "%zu, not %zu",
	    (size_t)st.st_size, len);
}

static inline void
check_log(const char *dir, const char *text, size_t len)
{
	int dirfd = open_dir(dir);
	char *log;
	size_t got;

	ATF_REQUIRE(
	    fd_slurp(&log, &got, dirfd, VM_CONSOLE_LOG, 16u << 20, NULL) == 0);
	ATF_CHECK_EQ_MSG(len, got, "%zu bytes, not %zu", got, len);
	ATF_CHECK(got == len && memcmp(log, text, len) == 0);
	free(log);
	close(dirfd);
}

#endif
