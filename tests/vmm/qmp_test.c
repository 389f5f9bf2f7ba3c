/* SPDX-License-Identifier: ISC */
/* QMP against a server of the test's own, a child that follows a script. */
#include "vmm/qemu/qmp.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

#define GREETING                                                               \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "    \
	"\"major\": 7}, \"package\": \"\"}, \"capabilities\": []}}\r\n"
/* `n` stands for the id of the client's command of that number, from 1 on. */
#define ANSWER(n, what) "{\"id\": @" #n ", " what "}\r\n"
#define DONE(id) ANSWER(id, "\"return\": {}")
#define EVENT                                                                  \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, "              \
	"\"event\": \"STOP\"}\r\n"
#define SOCKET "qmp.sock"
#define IDS_MAX 8

/* What the server says, a line each, after what it has been told so far. */
struct script {
	const char *greeting; /* NULL: silence */
	const char *answers[3]; /* to each line that comes; NULL: closes */
	bool silent; /* rather than close at the end */
	size_t flood_bytes; /* first sent without a newline */
	const struct script *next; /* for the client after this one */
};

/* The ids of the commands that came, of all clients; 7 of what did not. */
struct ids {
	uint64_t v[IDS_MAX];
	size_t n;
};

/* Says the text with ids for what stands for them. */
static void
say(int fd, const char *text, const struct ids *ids)
{
	char line[1024];
	size_t len = 0, i;

	for (; *text != '\0'; text++) {
		if (*text != '@') {
			line[len++] = *text;
			continue;
		}
		i = (size_t)(*++text - '1');
		len += (size_t)snprintf(line + len, sizeof(line) - len,
		    "%" PRIu64, i < ids->n ? ids->v[i] : 7);
	}
	if (len > 0 && write(fd, line, len) != (ssize_t)len)
		_exit(1);
}

/* One line of the client's, and its id; false at the end. */
static bool
hear(int fd, struct ids *ids)
{
	static const char key[] = "\"id\":";
	char line[1024], *at;
	size_t len = 0;

	do
		if (len == sizeof(line) - 1 || read(fd, line + len, 1) != 1)
			return false;
	while (line[len++] != '\n');
	line[len] = '\0';
	at = strstr(line, key);
	if (at == NULL || ids->n == IDS_MAX)
		_exit(1);
	ids->v[ids->n++] = strtoull(at + sizeof(key) - 1, NULL, 10);
	return true;
}

static void
flood(int fd, size_t bytes)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (; bytes > 0; bytes -= sizeof(block))
		if (write(fd, block, sizeof(block)) == -1)
			_exit(0);
}

static void
serve(int fd, const struct script *script, struct ids *ids)
{
	size_t i;

	flood(fd, script->flood_bytes);
	if (script->greeting != NULL)
		say(fd, script->greeting, ids);
	for (i = 0; i < 3 && script->answers[i] != NULL; i++) {
		if (!hear(fd, ids))
			_exit(0);
		say(fd, script->answers[i], ids);
	}
	if (script->silent)
		pause();
}

static void
serve_all(int listener, const struct script *script)
{
	struct ids ids = { .n = 0 };
	int fd;

	signal(SIGPIPE, SIG_IGN);
	for (; script != NULL; script = script->next) {
		fd = accept(listener, NULL, NULL);
		if (fd == -1)
			_exit(1);
		serve(fd, script, &ids);
		close(fd);
	}
	_exit(0);
}

/* Starts it; the socket is in the working directory. */
static pid_t
start(const struct script *script)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd;
	pid_t pid;

	unlink(SOCKET);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ATF_REQUIRE(listen(fd, 2) == 0);
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		serve_all(fd, script);
	close(fd);
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Opens, and with success makes one call; *code and *msg tell the first fault. */
static int
try(const struct script *script, int deadline_ms, struct error *err)
{
	struct qmp *qmp = NULL;
	pid_t pid = start(script);
	int dirfd, rc;

	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(dirfd != -1);
	memset(err, 0, sizeof(*err));
	rc = qmp_open(&qmp, dirfd, SOCKET, clock_ms() + deadline_ms, err);
	if (rc == 0) {
		ATF_CHECK_STREQ("7.2.22", qmp_version(qmp));
		rc = qmp_call(qmp, "stop", NULL, NULL, clock_ms() + deadline_ms,
		    err);
	} else
		ATF_CHECK(qmp == NULL);
	qmp_close(qmp);
	close(dirfd);
	end(pid);
	return rc;
}

ATF_TC_WITHOUT_HEAD(call__answered);
ATF_TC_BODY(call__answered, tc)
{
	static const struct script table[] = {
		{ .greeting = GREETING, .answers = { DONE(1), DONE(2) } },
		/* It is told what is wanted before it has greeted. */
		{ .greeting = "", .answers = { GREETING DONE(1), DONE(2) } },
		/* Events come whenever they like. */
		{ .greeting = GREETING,
		    .answers = { EVENT DONE(1), EVENT EVENT DONE(2) } },
		/* Several messages at once, and blanks in between. */
		{ .greeting = GREETING, .answers = { DONE(1) EVENT, DONE(2) } },
		{ .greeting = GREETING,
		    .answers = { "  { \"return\" : { },\"id\":@1}\n",
			DONE(2) } },
		/* A number that int64 cannot hold, wherever it stands. */
		{ .greeting = GREETING,
		    .answers = { "{\"event\": 18446744073709551615}\n" DONE(1),
			ANSWER(2,
			    "\"return\": {\"a\": 18446744073709551615}") } },
		/* What was said to whom this one comes after. */
		{ .greeting = EVENT DONE(1) "{\"error\": {}}\n" GREETING,
		    .answers = { DONE(1), DONE(2) } },
		/* What is the answer to nothing, or to something else. */
		{ .greeting = GREETING,
		    .answers = { DONE(3) "{}\n7\n" DONE(1), DONE(1) DONE(2) } },
	};
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		ATF_CHECK_EQ_MSG(0, try(&table[i], 10000, &err), "%zu: %s", i,
		    err.msg);
}

/* QEMU says what it owed to one who has left to the next one. */
ATF_TC_WITHOUT_HEAD(call__answer_of_one_who_left);
ATF_TC_BODY(call__answer_of_one_who_left, tc)
{
	static const struct script second = { .greeting = GREETING,
		.answers = { ANSWER(2, "\"return\": {\"of\": 1}") DONE(3),
		    ANSWER(4, "\"return\": {\"of\": 2}") } };
	static const struct script first = { .greeting = GREETING,
		.answers = { "", "" },
		.next = &second };
	const int64_t deadline_ms = clock_ms() + 10000;
	struct jdoc *answer = NULL;
	struct error err = { 0 };
	struct qmp *qmp = NULL;
	pid_t pid = start(&first);
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t of = 0;

	ATF_REQUIRE(dirfd != -1);
	ATF_REQUIRE(qmp_open(&qmp, dirfd, SOCKET, deadline_ms, &err) == 0);
	ATF_REQUIRE(qmp_ask(qmp, "stop", NULL, deadline_ms, &err) == 0);
	qmp_close(qmp);
	ATF_REQUIRE_EQ_MSG(0, qmp_open(&qmp, dirfd, SOCKET, deadline_ms, &err),
	    "%s", err.msg);
	ATF_REQUIRE_EQ_MSG(0,
	    qmp_call(qmp, "stop", NULL, &answer, deadline_ms, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(0,
	    jdoc_get_u64(answer, qmp_return(answer), "of", &of, 0, 9,
		JSON_REQUIRED, &err));
	ATF_CHECK_EQ(2, of);
	jdoc_free(answer);
	qmp_close(qmp);
	close(dirfd);
	end(pid);
}

ATF_TC_WITHOUT_HEAD(call__refused);
ATF_TC_BODY(call__refused, tc)
{
	static const struct {
		struct script script;
		const char *message;
	} table[] = {
		/* What greets is no QEMU. */
		{ { .greeting = "220 mail.example ESMTP\r\n", .silent = true },
		    "QEMU: not JSON: " },
		{ { .greeting = "{\"QMP\": {}}\n", .silent = true },
		    "QEMU: not a greeting" },
		{ { .greeting = "[]\n", .silent = true },
		    "QEMU: not a greeting" },
		{ { .greeting = DONE(1) "{}\n", .silent = true },
		    "QEMU: not a greeting" },
		/* The connection is cut. */
		{ { .greeting = NULL }, "QEMU closed its monitor" },
		{ { .greeting = "{\"QMP\": " }, "QEMU closed its monitor" },
		{ { .greeting = GREETING }, "stop: QEMU closed its monitor" },
		{ { .greeting = GREETING, .answers = { DONE(1) } },
		    "stop: QEMU closed its monitor" },
		{ { .greeting = GREETING, .answers = { DONE(1), "{\"retu" } },
		    "stop: QEMU closed its monitor" },
		/* Its own words, and none. */
		{ { .greeting = GREETING,
		      .answers = { DONE(1),
			  ANSWER(2,
			      "\"error\": {\"class\": \"GenericError\", "
			      "\"desc\": \"not now\"}") } },
		    "QEMU: stop: not now" },
		{ { .greeting = GREETING,
		      .answers = { DONE(1), "{\"id\": @2}\n" } },
		    "QEMU: stop: an answer without meaning" },
		{ { .greeting = GREETING, .answers = { DONE(1), "7\n" } },
		    "stop: QEMU closed its monitor" },
		{ { .greeting = GREETING,
		      .answers = { DONE(1),
			  ANSWER(2, "\"error\": {\"desc\": 7}") } },
		    "QEMU: stop: an answer without meaning" },
		{ { .greeting = GREETING, .answers = { DONE(1), "}{\n" } },
		    "stop: QEMU: not JSON: " },
		{ { .greeting = GREETING, .answers = { DONE(1), "\n" } },
		    "stop: QEMU: not JSON: " },
	};
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ATF_CHECK_EQ_MSG(-1, try(&table[i].script, 10000, &err),
		    "%zu: taken", i);
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "%zu: %d", i,
		    err.code);
		ATF_CHECK_MSG(strncmp(err.msg, table[i].message,
				  strlen(table[i].message)) == 0,
		    "%zu: %s, not %s", i, err.msg, table[i].message);
	}
}

ATF_TC_WITHOUT_HEAD(call__out_of_time);
ATF_TC_BODY(call__out_of_time, tc)
{
	static const struct script table[] = {
		{ .greeting = NULL, .silent = true },
		{ .greeting = "{\"QMP\"", .silent = true },
		{ .greeting = GREETING, .silent = true },
		{ .greeting = GREETING,
		    .answers = { DONE(1) },
		    .silent = true },
		{ .greeting = GREETING,
		    .answers = { DONE(1), EVENT },
		    .silent = true },
	};
	struct error err;
	int64_t start_ms;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		start_ms = clock_ms();
		ATF_CHECK_EQ(-1, try(&table[i], 300, &err));
		ATF_CHECK_EQ_MSG(EX_TEMPFAIL, err.code, "%zu: %s", i, err.msg);
		ATF_CHECK(clock_ms() - start_ms >= 300);
		ATF_CHECK(clock_ms() - start_ms < 10000);
	}
}

ATF_TC_WITHOUT_HEAD(call__line_without_end);
ATF_TC_BODY(call__line_without_end, tc)
{
	const struct script script = { .flood_bytes = 2 * QMP_LINE_MAX };
	struct error err;

	ATF_CHECK_EQ(-1, try(&script, 30000, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("QEMU: message of more than 4194304 bytes", err.msg);
}

ATF_TC_WITHOUT_HEAD(open__nobody_there);
ATF_TC_BODY(open__nobody_there, tc)
{
	struct error err = { 0 };
	struct qmp *qmp = NULL;
	int dirfd;

	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_CHECK_EQ(-1,
	    qmp_open(&qmp, dirfd, SOCKET, clock_ms() + 1000, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("qmp.sock: No such file or directory", err.msg);
	ATF_CHECK(qmp == NULL);
	close(dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, call__answered);
	ATF_TP_ADD_TC(tp, call__answer_of_one_who_left);
	ATF_TP_ADD_TC(tp, call__refused);
	ATF_TP_ADD_TC(tp, call__out_of_time);
	ATF_TP_ADD_TC(tp, call__line_without_end);
	ATF_TP_ADD_TC(tp, open__nobody_there);
	return atf_no_error();
}
