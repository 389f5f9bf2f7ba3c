/* SPDX-License-Identifier: ISC */
#include "base/proc.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "lib/proc_box.h"

/* Spawns it, and waits for its end; what it wrote is in the log. */
static void
spawn_to_end(struct proc_spawn *how)
{
	struct error err = { 0 };
	int pidfd;
	pid_t pid;

	how->log_fd = open_log();
	ATF_REQUIRE_EQ_MSG(0, proc_spawn(&pid, &pidfd, how, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ_MSG(0, proc_wait(pidfd, clock_ms() + LONG_MS, &err),
	    "%s", err.msg);
	fd_drop(&pidfd);
	fd_drop(&how->log_fd);
}

static void
check_log(const char *want)
{
	char *text;
	size_t len;

	ATF_REQUIRE_EQ(0, fd_slurp(&text, &len, AT_FDCWD, LOG, 1 << 20, NULL));
	ATF_CHECK_EQ_MSG(0, strcmp(text, want), "\"%s\", not \"%s\"", text,
	    want);
	free(text);
}

ATF_TC_WITHOUT_HEAD(identify__self);
ATF_TC_BODY(identify__self, tc)
{
	struct error err = { 0 };
	struct proc_id id, other;
	int pidfd;

	ATF_REQUIRE_EQ(0, proc_identify(&id, getpid(), &err));
	ATF_CHECK_EQ(getpid(), id.pid);
	ATF_CHECK(proc_is_alive(&id));
	ATF_REQUIRE_EQ(0, proc_open(&pidfd, &id, &err));
	fd_drop(&pidfd);
	/* Each of its members tells another process from it. */
	other = id;
	other.start_ticks++;
	ATF_CHECK(!proc_is_alive(&other));
	other = id;
	other.boot_id[0] ^= 1;
	ATF_CHECK(!proc_is_alive(&other));
	other = id;
	other.pid_ns++;
	ATF_CHECK(!proc_is_alive(&other));
	ATF_CHECK_EQ(-1, proc_open(&pidfd, &other, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	memset(&other, 0, sizeof(other));
	ATF_CHECK(!proc_is_alive(&other));
}

ATF_TC_WITHOUT_HEAD(identify__zombie);
ATF_TC_BODY(identify__zombie, tc)
{
	struct error err = { 0 };
	struct proc_id id;
	siginfo_t info;
	int gate[2], pidfd;
	pid_t pid;

	ATF_REQUIRE_EQ(0, pipe(gate));
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		_exit((int)read(gate[0], &pid, 1));
	}
	ATF_REQUIRE_EQ(0, proc_identify(&id, pid, &err));
	ATF_CHECK(proc_is_alive(&id));
	ATF_REQUIRE_EQ(0, proc_open(&pidfd, &id, &err));
	close(gate[1]);
	ATF_REQUIRE_EQ(0, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	ATF_CHECK(!proc_is_alive(&id));
	ATF_REQUIRE_EQ(0, proc_wait(pidfd, clock_ms() + LONG_MS, &err));
	/* It was reaped, and a signal to it is no error. */
	ATF_CHECK_EQ(-1, waitpid(pid, NULL, 0));
	ATF_CHECK_EQ(ECHILD, errno);
	ATF_CHECK_EQ(0, proc_signal(pidfd, SIGTERM, &err));
	ATF_CHECK_EQ(-1, proc_identify(&id, pid, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	fd_drop(&pidfd);
}

/* A child's, as wait(2) has it; once it was waited for, too, where it is told. */
ATF_TC_WITHOUT_HEAD(end__of_a_child);
ATF_TC_BODY(end__of_a_child, tc)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = { { "exit 0", W_EXITCODE(0, 0) },
		{ "exit 7", W_EXITCODE(7, 0) },
		{ "exit 255", W_EXITCODE(255, 0) },
		{ "kill -9 $$", W_EXITCODE(0, SIGKILL) } };
	struct error err = { 0 };
	struct proc_spawn how;
	struct pollfd pfd = { .events = POLLIN };
	int log = open_log(), pidfd, end;
	pid_t pid;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *const argv[] = SHELL(cases[i].text);

		how = (struct proc_spawn){ .argv = argv,
			.dirfd = -1,
			.log_fd = log };
		ATF_REQUIRE_EQ(0, proc_spawn(&pid, &pidfd, &how, &err));
		pfd.fd = pidfd;
		ATF_REQUIRE_EQ(1, poll(&pfd, 1, LONG_MS));
		ATF_CHECK_EQ(cases[i].want, proc_end(pidfd));
		ATF_CHECK_EQ(-1, waitpid(pid, NULL, WNOHANG));
		end = proc_end(pidfd);
		ATF_CHECK_MSG(end == -1 || end == cases[i].want, "%d", end);
		fd_drop(&pidfd);
	}
	fd_drop(&log);
}

ATF_TC_WITHOUT_HEAD(wait__time_over);
ATF_TC_BODY(wait__time_over, tc)
{
	char *const argv[] = SHELL("exec sleep 600");
	struct proc_spawn how = { .argv = argv, .dirfd = -1 };
	struct error err = { 0 };
	int pidfd;
	pid_t pid;

	how.log_fd = open_log();
	ATF_REQUIRE_EQ(0, proc_spawn(&pid, &pidfd, &how, &err));
	ATF_CHECK_EQ(-1, proc_wait(pidfd, clock_ms() + 50, &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK_EQ(0, proc_signal(pidfd, SIGKILL, &err));
	ATF_CHECK_EQ(0, proc_wait(pidfd, clock_ms() + LONG_MS, &err));
	fd_drop(&pidfd);
	fd_drop(&how.log_fd);
}

/* As many descriptors as there may be, each with its own content. */
ATF_TC_WITHOUT_HEAD(spawn__most_descriptors);
ATF_TC_BODY(spawn__most_descriptors, tc)
{
	char *const argv[] = SHELL("for n in /proc/self/fd/*; do n=${n##*/}; "
				   "[ -f /proc/self/fd/$n ] || continue; "
				   "[ $n -lt 10 ] || cat /proc/self/fd/$n; "
				   "done");
	int keep[2 * PROC_KEEP_MAX];
	struct proc_spawn how = { .argv = argv,
		.dirfd = -1,
		.keep = keep,
		.keep_n = PROC_KEEP_MAX };
	char name[16], text[16], want[PROC_KEEP_MAX * 16] = "";
	int i, n;

	for (i = 0; i < PROC_KEEP_MAX; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		n = snprintf(text, sizeof(text), "%d,", i);
		snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s",
		    text);
		keep[2 * i] = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		ATF_REQUIRE(keep[2 * i] != -1);
		ATF_REQUIRE_EQ(n, write(keep[2 * i], text, (size_t)n));
		/* Up to the last number, over those that are ours. */
		keep[2 * i + 1] = PROC_NUMBER_MAX + 1 - PROC_KEEP_MAX + i;
	}
	spawn_to_end(&how);
	check_log(want);
}

/* Two that change places. */
ATF_TC_WITHOUT_HEAD(spawn__descriptors_overlap);
ATF_TC_BODY(spawn__descriptors_overlap, tc)
{
	char text[64];
	char *const argv[] = SHELL(text);
	int keep[4];
	struct proc_spawn how = { .argv = argv,
		.dirfd = -1,
		.keep = keep,
		.keep_n = 2 };
	int a = open("a", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int b = open("b", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ATF_REQUIRE(a != -1 && b != -1);
	ATF_REQUIRE_EQ(1, write(a, "a", 1));
	ATF_REQUIRE_EQ(1, write(b, "b", 1));
	keep[0] = keep[3] = a;
	keep[1] = keep[2] = b;
	snprintf(text, sizeof(text), "cat /proc/self/fd/%d /proc/self/fd/%d", a,
	    b);
	spawn_to_end(&how);
	check_log("ba");
}

/* Nothing of ours but what is named: no descriptor, no signal, no terminal. */
ATF_TC_WITHOUT_HEAD(spawn__nothing_else);
ATF_TC_BODY(spawn__nothing_else, tc)
{
	char *const argv[] = SHELL(
	    "pwd | sed 's:.*/::'; readlink /proc/self/fd/0; "
	    "ls /proc/$$/fd | tr '\\n' ' '; "
	    /* Of grep: a shell blocks signals itself while it forks. */
	    "grep -E 'Sig(Ign|Blk)' /proc/self/status; "
	    "[ $(cut -d ' ' -f 6 /proc/$$/stat) -eq $$ ] && echo session");
	struct proc_spawn how = { .argv = argv };
	sigset_t set;
	int leak;

	ATF_REQUIRE_EQ(0, mkdir("beneath", 0700));
	how.dirfd = open("beneath", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(how.dirfd != -1);
	leak = open("leak", O_RDWR | O_CREAT, 0600);
	ATF_REQUIRE(leak != -1 && fcntl(leak, F_GETFD) == 0);
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	spawn_to_end(&how);
	check_log("beneath\n/dev/null\n0 1 2 "
		  "SigBlk:\t0000000000000000\n"
		  "SigIgn:\t0000000000000000\nsession\n");
}

static int
refuse(void *arg, pid_t pid, struct error *err)
{
	*(pid_t *)arg = pid;
	return error_set(err, EX_IOERR, "refused");
}

/* What cannot be noted never runs. */
ATF_TC_WITHOUT_HEAD(spawn__not_noted);
ATF_TC_BODY(spawn__not_noted, tc)
{
	char *const argv[] = SHELL("echo ran");
	pid_t pid, noted = 0;
	struct proc_spawn how = { .argv = argv,
		.dirfd = -1,
		.note = refuse,
		.arg = &noted };
	struct error err = { 0 };
	int pidfd;

	how.log_fd = open_log();
	ATF_CHECK_EQ(-1, proc_spawn(&pid, &pidfd, &how, &err));
	ATF_CHECK_STREQ("refused", err.msg);
	ATF_CHECK_EQ(-1, pidfd);
	ATF_CHECK(noted > 0);
	ATF_CHECK_EQ(-1, kill(noted, 0));
	check_log("");
	fd_drop(&how.log_fd);
}

static int
fail_to_enter(void *arg)
{
	(void)arg;
	errno = EXDEV;
	return -1;
}

ATF_TC_WITHOUT_HEAD(spawn__cannot_run);
ATF_TC_BODY(spawn__cannot_run, tc)
{
	char *const missing[] = { (char *)(uintptr_t) "/nonexistent", NULL };
	char *const argv[] = SHELL("echo ran");
	struct proc_spawn how = { .argv = missing, .dirfd = -1 };
	struct error err = { 0 };
	int pidfd;
	pid_t pid;

	how.log_fd = open_log();
	ATF_CHECK_EQ(-1, proc_spawn(&pid, &pidfd, &how, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("/nonexistent: No such file or directory", err.msg);
	how.argv = argv;
	how.enter = fail_to_enter;
	ATF_CHECK_EQ(-1, proc_spawn(&pid, &pidfd, &how, &err));
	ATF_CHECK_STREQ("sh: Invalid cross-device link", err.msg);
	check_log("");
	fd_drop(&how.log_fd);
}

/* Nobody's pipe is held, but by what is left: that one's end is seen. */
ATF_TC_WITHOUT_HEAD(silence__lets_go);
ATF_TC_BODY(silence__lets_go, tc)
{
	int last, i, status, pipes[3][2], hold[2];
	struct pollfd ended;
	pid_t pid;

	for (last = 0; last < 3; last++) {
		for (i = 0; i < 3; i++)
			ATF_REQUIRE_EQ(0, pipe2(pipes[i], O_CLOEXEC));
		ATF_REQUIRE_EQ(0, pipe2(hold, O_CLOEXEC));
		pid = fork();
		ATF_REQUIRE(pid != -1);
		if (pid == 0) {
			for (i = 0; i < 3; i++)
				if (dup2(pipes[i][1], i) == -1)
					_exit(1);
			for (i = 0; i < 3; i++)
				close(pipes[i][1]);
			close(hold[1]);
			status = proc_silence(last) == 0 ? 0 : 1;
			/* Until all was looked at. */
			while (read(hold[0], &i, 1) == 1)
				continue;
			_exit(status);
		}
		for (i = 0; i < 3; i++) {
			fd_drop(&pipes[i][1]);
			ended = (struct pollfd){ .fd = pipes[i][0] };
			ATF_CHECK_EQ_MSG(i <= last ? 1 : 0,
			    poll(&ended, 1, i <= last ? LONG_MS : 0),
			    "%d of %d", i, last);
			fd_drop(&pipes[i][0]);
		}
		fd_drop(&hold[1]);
		fd_drop(&hold[0]);
		ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
		ATF_CHECK_EQ(0, status);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, identify__self);
	ATF_TP_ADD_TC(tp, identify__zombie);
	ATF_TP_ADD_TC(tp, end__of_a_child);
	ATF_TP_ADD_TC(tp, wait__time_over);
	ATF_TP_ADD_TC(tp, spawn__most_descriptors);
	ATF_TP_ADD_TC(tp, spawn__descriptors_overlap);
	ATF_TP_ADD_TC(tp, spawn__nothing_else);
	ATF_TP_ADD_TC(tp, spawn__not_noted);
	ATF_TP_ADD_TC(tp, spawn__cannot_run);
	ATF_TP_ADD_TC(tp, silence__lets_go);
	return atf_no_error();
}
