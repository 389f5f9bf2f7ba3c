/* SPDX-License-Identifier: ISC */
#include "base/aside.h"

#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sig.h"

#define LONG_BYTES 300000 /* more than a pipe holds */

static int
say(void *arg, struct aside_answer *answer, struct error *err)
{
	error_set(err, EX_DATAERR, "overcome");
	answer->data = arg;
	answer->len = strlen(arg);
	return 0;
}

static int
say_much(void *arg, struct aside_answer *answer, struct error *err)
{
	char *text = malloc(LONG_BYTES);
	size_t i;

	(void)arg;
	(void)err;
	for (i = 0; text != NULL && i < LONG_BYTES; i++)
		text[i] = (char)('a' + i % 26);
	answer->data = text;
	answer->len = LONG_BYTES;
	return 0;
}

static int
run(const struct aside *a, char **text, size_t *len, size_t max,
    struct error *err)
{
	void *out = NULL;
	int rc = aside_run(a, &out, len, max, err);

	*text = out;
	return rc;
}

ATF_TC_WITHOUT_HEAD(run__answers);
ATF_TC_BODY(run__answers, tc)
{
	char words[] = "seven b";
	struct aside a = { .what = "test", .run = say, .arg = words };
	struct error err = { 0 };
	char *text, exact[7];
	size_t len, i;

	/* A NUL stands behind it, which nobody has said. */
	ATF_REQUIRE_EQ_MSG(0, run(&a, &text, &len, 7, &err), "%s", err.msg);
	ATF_CHECK_EQ(7, len);
	ATF_CHECK_STREQ(words, text);
	free(text);
	ATF_CHECK_EQ(0, aside_ask(&a, exact, 7, &err));
	ATF_CHECK_EQ(0, memcmp(exact, words, 7));
	words[0] = '\0';
	ATF_REQUIRE_EQ(0, run(&a, &text, &len, 7, &err));
	ATF_CHECK_EQ(0, len);
	ATF_CHECK_STREQ("", text);
	free(text);
	a.run = say_much;
	ATF_REQUIRE_EQ_MSG(0, run(&a, &text, &len, LONG_BYTES, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ(LONG_BYTES, len);
	for (i = 0; i < len; i++)
		ATF_REQUIRE_EQ((char)('a' + i % 26), text[i]);
	ATF_CHECK_EQ('\0', text[len]);
	free(text);
}

ATF_TC_WITHOUT_HEAD(run__wrong_length);
ATF_TC_BODY(run__wrong_length, tc)
{
	char words[] = "seven b";
	struct aside a = { .what = "test", .run = say, .arg = words };
	struct error err = { 0 };
	char *text, other[8];
	size_t len;

	ATF_CHECK_EQ(-1, run(&a, &text, &len, 6, &err));
	ATF_CHECK(text == NULL);
	ATF_CHECK_STREQ("test: answered more than 6 bytes", err.msg);
	ATF_CHECK_EQ(EX_OSERR, err.code);
	ATF_CHECK_EQ(-1, aside_ask(&a, other, 8, &err));
	ATF_CHECK_STREQ("test: answered 7 bytes, not 8", err.msg);
	a.run = say_much;
	ATF_CHECK_EQ(-1, run(&a, &text, &len, LONG_BYTES - 1, &err));
	ATF_CHECK_EQ(EX_OSERR, err.code);
}

static int
fail(void *arg, struct aside_answer *answer, struct error *err)
{
	(void)answer;
	return error_set(err, EX_DATAERR, "%s: is wrong", (char *)arg);
}

/* As one would that has been taken over. */
static int
fail_badly(void *arg, struct aside_answer *answer, struct error *err)
{
	(void)answer;
	memset(err->msg, 'x', sizeof(err->msg));
	err->code = *(int *)arg;
	return -1;
}

ATF_TC_WITHOUT_HEAD(run__fails);
ATF_TC_BODY(run__fails, tc)
{
	char file[] = "file";
	int code = EX_DATAERR;
	struct aside a = { .what = "test", .run = fail, .arg = file };
	struct error err = { 0 };
	char *text;
	size_t len;

	ATF_CHECK_EQ(-1, run(&a, &text, &len, 7, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("file: is wrong", err.msg);
	a.run = fail_badly;
	a.arg = &code;
	ATF_CHECK_EQ(-1, run(&a, &text, &len, 7, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_EQ(ERROR_MSG_MAX - 1, strnlen(err.msg, sizeof(err.msg)));
	for (code = -1; code < 1000; code += code == 1 ? 62 : 1001) {
		ATF_CHECK_EQ(-1, run(&a, &text, &len, 7, &err));
		ATF_CHECK(err.code >= EX_USAGE && err.code <= 255);
	}
	code = 0;
	ATF_CHECK_EQ(-1, run(&a, &text, &len, 7, &err));
	ATF_CHECK_EQ(EX_SOFTWARE, err.code);
}

static int
end(void *arg, struct aside_answer *answer, struct error *err)
{
	(void)answer;
	(void)err;
	if (*(int *)arg == 0)
		raise(SIGKILL);
	_exit(*(int *)arg);
}

ATF_TC_WITHOUT_HEAD(run__ends_without_a_word);
ATF_TC_BODY(run__ends_without_a_word, tc)
{
	int how = 97;
	struct aside a = { .what = "test", .run = end, .arg = &how };
	struct error err = { 0 };
	char *text;
	size_t len;

	ATF_CHECK_EQ(-1, run(&a, &text, &len, 7, &err));
	ATF_CHECK_STREQ("test ended with status 97", err.msg);
	ATF_CHECK_EQ(EX_OSERR, err.code);
	how = 0;
	ATF_CHECK_EQ(-1, run(&a, &text, &len, 7, &err));
	ATF_CHECK_STREQ("test ended by signal 9", err.msg);
}

/* The descriptors that it has, as a text. */
static int
list_descriptors(void *arg, struct aside_answer *answer, struct error *err)
{
	char *text = arg;
	int fd;

	(void)err;
	text[0] = '\0';
	for (fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			snprintf(text + strlen(text), 512 - strlen(text), " %d",
			    fd);
	answer->data = text;
	answer->len = strlen(text);
	return 0;
}

ATF_TC_WITHOUT_HEAD(run__keeps_what_it_needs);
ATF_TC_BODY(run__keeps_what_it_needs, tc)
{
	char room[512], want[64], *text;
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	int other = open("other", O_RDWR | O_CREAT, 0600);
	struct aside a = { .what = "test",
		.run = list_descriptors,
		.arg = room,
		.sandbox = { .read_dirfds = &dir, .read_n = 1 },
		.fds = &fd,
		.fds_n = 1 };
	struct error err = { 0 };
	size_t len;
	int n;

	ATF_REQUIRE(dir != -1 && fd != -1 && other != -1);
	ATF_REQUIRE_EQ_MSG(0, run(&a, &text, &len, sizeof(room), &err), "%s",
	    err.msg);
	/* And the one that it answers through. */
	n = snprintf(want, sizeof(want), " 2 %d %d ", dir, fd);
	ATF_CHECK_EQ_MSG(0, strncmp(want, text, (size_t)n), "%s", text);
	ATF_CHECK_EQ_MSG(NULL, strchr(text + n, ' '), "%s", text);
	free(text);
}

static int
try_to_open(void *arg, struct aside_answer *answer, struct error *err)
{
	static int sys;

	(void)err;
	sys = open(arg, O_RDONLY | O_CLOEXEC) == -1 ? errno : 0;
	answer->data = &sys;
	answer->len = sizeof(sys);
	return 0;
}

ATF_TC_WITHOUT_HEAD(run__is_enclosed);
ATF_TC_BODY(run__is_enclosed, tc)
{
	char path[] = "/etc/passwd";
	struct aside a = { .what = "test", .run = try_to_open, .arg = path };
	struct error err = { 0 };
	int sys, root = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (getenv("LSAN_OPTIONS") != NULL)
		atf_tc_skip("a sanitizer cannot work in an enclosure");
	ATF_REQUIRE_EQ(0, aside_ask(&a, &sys, sizeof(sys), &err));
	ATF_CHECK_EQ(EACCES, sys);
	a.sandbox.read_dirfds = &root;
	a.sandbox.read_n = 1;
	ATF_REQUIRE_EQ(0, aside_ask(&a, &sys, sizeof(sys), &err));
	ATF_CHECK_EQ(0, sys);
	/* We are not. */
	ATF_CHECK(open("/etc/passwd", O_RDONLY | O_CLOEXEC) != -1);
}

static int
sleep_long(void *arg, struct aside_answer *answer, struct error *err)
{
	pid_t pid = getpid();

	(void)answer;
	(void)err;
	if (write(*(int *)arg, &pid, sizeof(pid)) != sizeof(pid))
		return -1;
	for (;;)
		pause();
}

/* Waits until the process is gone. */
static bool
is_gone(pid_t pid)
{
	int i;

	for (i = 0; i < 600 && kill(pid, 0) == 0; i++)
		clock_nap(100);
	return kill(pid, 0) == -1;
}

ATF_TC_WITHOUT_HEAD(run__ends_with_us);
ATF_TC_BODY(run__ends_with_us, tc)
{
	int told[2];
	struct aside a = { .what = "test", .run = sleep_long };
	struct error err = { 0 };
	pid_t pid, inner;
	size_t len;
	char *text;

	ATF_REQUIRE_EQ(0, pipe(told));
	a.arg = &told[1];
	a.fds = &told[1];
	a.fds_n = 1;
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		_exit(run(&a, &text, &len, 7, &err));
	ATF_REQUIRE_EQ(sizeof(inner), read(told[0], &inner, sizeof(inner)));
	ATF_REQUIRE_EQ(0, kill(pid, SIGKILL));
	ATF_REQUIRE_EQ(pid, waitpid(pid, NULL, 0));
	ATF_CHECK(is_gone(inner));
}

/* A signal to us is not waited out. */
ATF_TC_WITHOUT_HEAD(run__ended_by_a_signal);
ATF_TC_BODY(run__ended_by_a_signal, tc)
{
	int told[2];
	struct aside a = { .what = "test", .run = sleep_long };
	struct error err = { 0 };
	pid_t pid, inner, self = getpid();
	size_t len;
	char *text;

	ATF_REQUIRE_EQ(0, pipe(told));
	a.arg = &told[1];
	a.fds = &told[1];
	a.fds_n = 1;
	sig_setup();
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		if (read(told[0], &inner, sizeof(inner)) != sizeof(inner))
			_exit(1);
		kill(self, SIGTERM);
		_exit(0);
	}
	ATF_CHECK_EQ(-1, run(&a, &text, &len, 7, &err));
	ATF_CHECK_EQ(128 + SIGTERM, err.code);
	ATF_REQUIRE_EQ(pid, waitpid(pid, NULL, 0));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, run__answers);
	ATF_TP_ADD_TC(tp, run__wrong_length);
	ATF_TP_ADD_TC(tp, run__fails);
	ATF_TP_ADD_TC(tp, run__ends_without_a_word);
	ATF_TP_ADD_TC(tp, run__keeps_what_it_needs);
	ATF_TP_ADD_TC(tp, run__is_enclosed);
	ATF_TP_ADD_TC(tp, run__ends_with_us);
	ATF_TP_ADD_TC(tp, run__ended_by_a_signal);
	return atf_no_error();
}
