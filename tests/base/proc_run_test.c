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

/* What a helper does, and what is said of it. */
ATF_TC_WITHOUT_HEAD(run__table);
ATF_TC_BODY(run__table, tc)
{
	static const struct {
		const char *text, *input;
		int code; /* 0: `said` is its output */
		const char *said;
	} cases[] = {
		{ "echo one; echo two >&2", NULL, 0, "one\n" },
		{ "cat", "given\n", 0, "given\n" },
		{ "readlink /proc/self/fd/0", NULL, 0, "/dev/null\n" },
		{ "true", "not read", 0, "" },
		{ "printf 1234567", NULL, 0, "1234567" },
		{ "printf 12345678", NULL, EX_UNAVAILABLE,
		    "sh: printed too much" },
		{ "echo a >&2; echo b >&2; echo >&2; exit 3", NULL,
		    EX_UNAVAILABLE, "sh: status 3: b" },
		{ "printf 'a\\r\\nb\\r\\n' >&2; exit 3", NULL, EX_UNAVAILABLE,
		    "sh: status 3: b" },
		{ "exit 127", NULL, EX_UNAVAILABLE, "sh: program not found" },
		{ "kill -9 $$", NULL, EX_UNAVAILABLE, "sh: ended by signal 9" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *const argv[] = SHELL(cases[i].text);
		struct error err = { 0 };
		char out[16] = "";
		struct proc_run how = { .argv = argv,
			.dirfd = -1,
			.stdin_fd = -1,
			.input = cases[i].input,
			.out = out,
			.out_cap = i < 4 ? sizeof(out) : 8,
			.deadline_ms = clock_ms() + LONG_MS };

		signal(SIGPIPE, SIG_IGN);
		ATF_CHECK_EQ_MSG(cases[i].code == 0 ? 0 : -1,
		    proc_run(&how, &err), "case %zu", i);
		ATF_CHECK_EQ(cases[i].code, err.code);
		ATF_CHECK_STREQ(cases[i].said,
		    cases[i].code == 0 ? out : err.msg);
	}
}

/* Output that nobody wants, and words beyond what is kept: only the last. */
ATF_TC_WITHOUT_HEAD(run__long_words);
ATF_TC_BODY(run__long_words, tc)
{
	char *const argv[] = SHELL("seq 100000; seq 100000 >&2; exit 1");
	struct proc_run how = { .argv = argv, .dirfd = -1, .stdin_fd = -1 };
	struct error err = { 0 };

	how.deadline_ms = clock_ms() + LONG_MS;
	ATF_CHECK_EQ(-1, proc_run(&how, &err));
	ATF_CHECK_STREQ("sh: status 1: 100000", err.msg);
}

ATF_TC_WITHOUT_HEAD(run__time_over);
ATF_TC_BODY(run__time_over, tc)
{
	char *const argv[] = SHELL("echo $$ >pid; exec sleep 600");
	struct proc_run how = { .argv = argv, .dirfd = -1, .stdin_fd = -1 };
	struct error err = { 0 };
	char *text;
	size_t len;

	how.deadline_ms = clock_ms() + 2000;
	ATF_CHECK_EQ(-1, proc_run(&how, &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK_STREQ("sh: out of time", err.msg);
	ATF_REQUIRE_EQ(0, fd_slurp(&text, &len, AT_FDCWD, "pid", 64, NULL));
	ATF_CHECK_EQ(-1, kill((pid_t)strtol(text, NULL, 10), 0));
	free(text);
}

ATF_TC_WITHOUT_HEAD(run__stdin_and_directory);
ATF_TC_BODY(run__stdin_and_directory, tc)
{
	char *const argv[] = SHELL("cat; pwd | sed 's:.*/::'");
	char out[64];
	struct proc_run how = { .argv = argv,
		.out = out,
		.out_cap = sizeof(out) };
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, mkdir("beneath", 0700));
	how.dirfd = open("beneath", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	how.stdin_fd = open("in", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(how.dirfd != -1 && how.stdin_fd != -1);
	ATF_REQUIRE_EQ(3, write(how.stdin_fd, "in\n", 3));
	ATF_REQUIRE_EQ(0, lseek(how.stdin_fd, 0, SEEK_SET));
	how.deadline_ms = clock_ms() + LONG_MS;
	ATF_REQUIRE_EQ_MSG(0, proc_run(&how, &err), "%s", err.msg);
	ATF_CHECK_STREQ("in\nbeneath\n", out);
	/* It stays the caller's. */
	ATF_CHECK_EQ(0, close(how.stdin_fd));
	ATF_CHECK_EQ(0, close(how.dirfd));
}

/*
 * A helper that works in a directory of somebody else's is none of its files,
 * whatever PATH says of the directory it stands in.
 */
ATF_TC_WITHOUT_HEAD(run__not_from_the_directory);
ATF_TC_BODY(run__not_from_the_directory, tc)
{
	static const char *const paths[] = { "", ".", ":", "./:", "x::y" };
	char *const argv[] = { (char[]){ "planted" }, NULL };
	struct proc_run how = { .argv = argv, .stdin_fd = -1 };
	struct proc_spawn spawn = { .argv = argv };
	struct error err = { 0 };
	int pidfd = -1;
	pid_t pid;
	size_t i;

	ATF_REQUIRE_EQ(0, mkdir("beneath", 0700));
	how.dirfd = open("beneath", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(how.dirfd != -1);
	atf_utils_create_file("beneath/planted", "#!/bin/sh\necho >ran\n");
	ATF_REQUIRE_EQ(0, chmod("beneath/planted", 0755));
	spawn.dirfd = how.dirfd;
	spawn.log_fd = open_log();
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		setenv("PATH", paths[i], 1);
		how.deadline_ms = clock_ms() + LONG_MS;
		ATF_CHECK_EQ(-1, proc_run(&how, &err));
		ATF_CHECK_EQ(-1, proc_spawn(&pid, &pidfd, &spawn, &err));
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		ATF_CHECK_EQ(-1, faccessat(how.dirfd, "ran", F_OK, 0));
	}
	fd_drop(&how.dirfd);
	fd_drop(&spawn.log_fd);
}

/* Both have what the other's number is; its status is no failure then. */
ATF_TC_WITHOUT_HEAD(run__given_and_asked);
ATF_TC_BODY(run__given_and_asked, tc)
{
	char *const argv[] = SHELL(
	    "cat /proc/self/fd/10 /proc/self/fd/11; ls /proc/self/fd | wc -l; "
	    "echo first >&2; echo last >&2; exit 3");
	int one = memfd_create("one", MFD_CLOEXEC);
	int two = memfd_create("two", MFD_CLOEXEC), status = -1;
	const int keep[] = { one, 11, two, 10 };
	char out[64], said[64];
	const struct proc_run how = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.out = out,
		.out_cap = sizeof(out),
		.deadline_ms = clock_ms() + LONG_MS,
		.keep = keep,
		.keep_n = 2,
		.status = &status,
		.said = said,
		.said_cap = sizeof(said) };
	struct error err = { 0 };

	ATF_REQUIRE(one != -1 && two != -1);
	ATF_REQUIRE_EQ(4, write(one, "one\n", 4));
	ATF_REQUIRE_EQ(4, write(two, "two\n", 4));
	ATF_REQUIRE_EQ_MSG(0, proc_run(&how, &err), "%s", err.msg);
	/* Three streams, the two, and ls's own directory. */
	ATF_CHECK_STREQ("two\none\n6\n", out);
	ATF_CHECK_STREQ("first\nlast\n", said);
	ATF_CHECK_EQ(3, status);
	ATF_CHECK_EQ(0, close(one));
	ATF_CHECK_EQ(0, close(two));
}

/* Who is killed leaves no helper behind. */
ATF_TC_WITHOUT_HEAD(run__ends_with_us);
ATF_TC_BODY(run__ends_with_us, tc)
{
	char *const argv[] = SHELL("echo up >&9; exec sleep 60");
	int ends[2], keep[2] = { -1, 9 }, status;
	struct proc_run how = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.deadline_ms = clock_ms() + LONG_MS,
		.keep = keep,
		.keep_n = 1 };
	struct pollfd p = { .events = POLLIN };
	char word[8];
	pid_t child;

	ATF_REQUIRE_EQ(0, pipe2(ends, O_CLOEXEC));
	keep[0] = ends[1];
	p.fd = ends[0];
	child = fork();
	ATF_REQUIRE(child != -1);
	if (child == 0) {
		proc_run(&how, NULL);
		_exit(1);
	}
	ATF_CHECK_EQ(0, close(ends[1]));
	ATF_REQUIRE_EQ(3, read(ends[0], word, sizeof(word)));
	ATF_CHECK_EQ(0, kill(child, SIGKILL));
	ATF_CHECK_EQ(child, waitpid(child, &status, 0));
	/* The helper had the last of the other end. */
	ATF_REQUIRE_EQ(1, poll(&p, 1, 20000));
	ATF_CHECK_EQ(0, read(ends[0], word, sizeof(word)));
	ATF_CHECK_EQ(0, close(ends[0]));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, run__table);
	ATF_TP_ADD_TC(tp, run__long_words);
	ATF_TP_ADD_TC(tp, run__time_over);
	ATF_TP_ADD_TC(tp, run__stdin_and_directory);
	ATF_TP_ADD_TC(tp, run__not_from_the_directory);
	ATF_TP_ADD_TC(tp, run__given_and_asked);
	ATF_TP_ADD_TC(tp, run__ends_with_us);
	return atf_no_error();
}
