/* SPDX-License-Identifier: ISC */
#include "vmm/host/rest.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/sig.h"
#include "vmm/host/rest_words.h"

#include "lib/rest_server.h"

/* A file with one call: GET / and that answer. */
static void
write_call(const char *status, const char *body, size_t len)
{
	FILE *f = fopen("own.txt", "w");

	ATF_REQUIRE(f != NULL);
	fprintf(f, "=== 1. own\n> GET / HTTP/1.1\n>\n< HTTP/1.1 %s\n", status);
	fprintf(f, "< Content-Length: %zu\n<\n< ", len);
	fwrite(body, 1, len, f);
	fprintf(f, "\n\n");
	ATF_REQUIRE(fclose(f) == 0);
}

/* Answers that are whole, and yet cannot be taken. */
ATF_TC_WITHOUT_HEAD(call__answers);
ATF_TC_BODY(call__answers, tc)
{
#define DEEP_32 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
	static const struct {
		const char *status, *body;
		const char *message; /* NULL: it is taken */
	} table[] = {
		{ "200 ", "{}", NULL },
		{ "200 OK", " [1, \"a\"] ", NULL },
		{ "200", "7", NULL },
		{ "201 Created", "", NULL },
		{ "200 ", "{\"a\":18446744073709551615}", NULL },
		{ "200 ", "{} {}",
		    "not JSON: text behind the value at byte 3" },
		{ "200 ", "{\"a\":1,\"a\":2}",
		    "not JSON: member \"a\" a second time" },
		{ "200 ", "<html>", "not JSON: " },
		{ "200 ", "\"\xff\"", "not JSON: not UTF-8, or a NUL in it" },
		{ "200 ", DEEP_32 DEEP_32 "[",
		    "JSON nested deeper than 64 levels" },
		{ "301 Moved", "{}", "{}" },
		{ "404 Not Found", "[]", "[]" },
		{ "500 ", "[[\"in\"],7,\"a\",null,\"b\"]", "a: b" },
		{ "500 ", "{\"error\":7,\"why\":\"x\"}", "{\"error\":7," },
		{ "500 ", "plain words", "plain words" },
		{ "500 ", " \t ", "status 500 without a word" },
		{ "500 ", "[\"\\u001b[31mred\\u0007\\n\\u009bx\\u00e9\"]",
		    "[31mred x\xc3\xa9" },
		{ "500 ", "raw \x1b[2J\xc3\xa9\x07\x7f end", "raw [2J?? end" },
		{ "999 ", "[\"x\"]", "x" },
	};
	static const char *const none[] = { NULL };
	static const char *const calls[] = { "1", NULL };
	char message[600];
	struct error err;
	struct server s;
	struct rest *rest;
	size_t i;
	int rc;

	server_find(&s, tc, "");
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		write_call(table[i].status, table[i].body,
		    strlen(table[i].body));
		server_start(&s, none, "own.txt", calls);
		rest = open_here();
		memset(&err, 0, sizeof(err));
		rc = rest_call(rest, "GET", "/", NULL, NULL,
		    clock_ms() + CALL_MS, &err);
		ATF_CHECK_EQ_MSG(table[i].message == NULL ? 0 : -1, rc,
		    "%zu: %d %s", i, rc, err.msg);
		if (table[i].message != NULL) {
			ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
			snprintf(message, sizeof(message), "GET /: %s",
			    table[i].message);
			ATF_CHECK_MSG(strncmp(err.msg, message,
					  strlen(message)) == 0,
			    "%zu: %s, not %s", i, err.msg, message);
		}
		rest_close(rest);
		server_end(&s);
	}
}

/* Words of any length leave room for what stands before them. */
ATF_TC_WITHOUT_HEAD(words__long);
ATF_TC_BODY(words__long, tc)
{
	char text[3000], out[REST_WORDS_MAX + 1];
	size_t i;

	/* Characters of three bytes: none is cut into two. */
	strcpy(text, "[\"a");
	for (i = 0; i < 500; i++)
		strcat(text, "\xe2\x82\xac");
	strcat(text, "\"]");
	rest_words(out, sizeof(out), text, strlen(text));
	ATF_CHECK_EQ(1 + 146 * 3, strlen(out));
	ATF_CHECK(memcmp(out, text + 2, strlen(out)) == 0);
	memset(text, 'y', sizeof(text));
	rest_words(out, sizeof(out), text, sizeof(text));
	ATF_CHECK_EQ(REST_WORDS_MAX, strlen(out));
	/* Nor is a blank left where a half was. */
	rest_words(out, 9, "[\"abcdef \xc2\xbe\"]", 13);
	ATF_CHECK_STREQ("abcdef", out);
	rest_words(out, sizeof(out), "", 0);
	ATF_CHECK_STREQ("", out);
	rest_words(out, sizeof(out), NULL, 0);
	ATF_CHECK_STREQ("", out);
}

/*
 * A server with one answer that writes down the first request, and ends with
 * its first client.
 */
static pid_t
listen_once(const char *path, const char *answer, int delay_ms)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char buf[65536];
	int fd, client, out;
	ssize_t n = 0;
	pid_t pid = fork();

	ATF_REQUIRE(pid != -1);
	if (pid != 0)
		return pid;
	clock_nap(delay_ms);
	unlink(path);
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 4) == -1)
		_exit(1);
	/* The first connection is a look whether somebody is there. */
	client = accept(fd, NULL, NULL);
	while (client != -1 && (n = read(client, buf, sizeof(buf))) == 0) {
		close(client);
		client = accept(fd, NULL, NULL);
	}
	out = open("heard", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	while (n > 0) {
		if (write(out, buf, (size_t)n) != n)
			_exit(2);
		if (buf[n - 1] == '}' || memmem(buf, (size_t)n, "\r\n\r\n", 4))
			break;
		n = read(client, buf, sizeof(buf));
	}
	do
		if (answer != NULL &&
		    write(client, answer, strlen(answer)) == -1)
			_exit(3);
	while (read(client, buf, sizeof(buf)) > 0);
	_exit(0);
}

/* The bytes that go over the wire, and what the environment does to them. */
ATF_TC_WITHOUT_HEAD(call__request_bytes);
ATF_TC_BODY(call__request_bytes, tc)
{
#define HEAD "Host: localhost\r\nAccept: */*\r\n"
	static const struct {
		const char *method, *body, *heard;
	} table[] = {
		{ "GET", NULL, "GET /a/../b HTTP/1.1\r\n" HEAD "\r\n" },
		{ "PUT", NULL,
		    "PUT /a/../b HTTP/1.1\r\n" HEAD
		    "Content-Length: 0\r\n\r\n" },
		{ "PUT", "{\"b\":\"/x\",\"a\":[1,true]}",
		    "PUT /a/../b HTTP/1.1\r\n" HEAD
		    "Content-Type: application/json\r\n"
		    "Content-Length: 23\r\n\r\n"
		    "{\"b\":\"/x\",\"a\":[1,true]}" },
		{ "PATCH", "{}",
		    "PATCH /a/../b HTTP/1.1\r\n" HEAD
		    "Content-Type: application/json\r\n"
		    "Content-Length: 2\r\n\r\n{}" },
	};
	struct error err = { 0 };
	struct rest *rest;
	size_t i, len;
	char *heard;
	json_t *body;
	pid_t pid;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unlink(SOCKET);
		pid = listen_once(SOCKET, "HTTP/1.1 204 \r\n\r\n", 0);
		rest = open_here();
		body = table[i].body == NULL
		    ? NULL
		    : json_loads(table[i].body, 0, NULL);
		ATF_CHECK_EQ_MSG(0,
		    rest_call(rest, table[i].method, "/a/../b", body, NULL,
			clock_ms() + CALL_MS, &err),
		    "%zu: %s", i, err.msg);
		ATF_CHECK_EQ(204, rest_status(rest));
		rest_close(rest);
		waitpid(pid, NULL, 0);
		ATF_REQUIRE(
		    fd_slurp(&heard, &len, AT_FDCWD, "heard", 4096, NULL) == 0);
		ATF_CHECK_STREQ(table[i].heard, heard);
		free(heard);
	}
}

/* A number beyond int64 is all there; no body is no answer to a question. */
ATF_TC_WITHOUT_HEAD(call__reply);
ATF_TC_BODY(call__reply, tc)
{
	struct jdoc *reply = NULL;
	struct error err = { 0 };
	struct rest *rest;
	uint64_t n = 0;
	pid_t pid;

	pid = listen_once(SOCKET,
	    "HTTP/1.1 200 \r\nContent-Length: 26\r\n\r\n"
	    "{\"a\":18446744073709551615}",
	    0);
	rest = open_here();
	ATF_REQUIRE_EQ_MSG(0,
	    rest_call(rest, "GET", "/", NULL, &reply, clock_ms() + CALL_MS,
		&err),
	    "%s", err.msg);
	ATF_CHECK_EQ(0,
	    jdoc_get_u64(reply, JDOC_ROOT, "a", &n, 0, UINT64_MAX,
		JSON_REQUIRED, &err));
	ATF_CHECK_EQ(UINT64_MAX, n);
	jdoc_free(reply);
	rest_close(rest);
	waitpid(pid, NULL, 0);
	reply = NULL;
	pid = listen_once(SOCKET, "HTTP/1.1 204 \r\n\r\n", 0);
	rest = open_here();
	ATF_CHECK_EQ(-1,
	    rest_call(rest, "GET", "/", NULL, &reply, clock_ms() + CALL_MS,
		&err));
	ATF_CHECK_STREQ("GET /: answer without a body", err.msg);
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK(reply == NULL);
	rest_close(rest);
	waitpid(pid, NULL, 0);
}

/* Both calls reach a server that has one client. */
ATF_TC_WITHOUT_HEAD(call__connection_is_kept);
ATF_TC_BODY(call__connection_is_kept, tc)
{
	struct error err = { 0 };
	struct rest *rest;
	pid_t pid;
	int i;

	pid = listen_once(SOCKET, "HTTP/1.1 204 \r\n\r\n", 0);
	rest = open_here();
	for (i = 0; i < 3; i++)
		ATF_CHECK_EQ_MSG(0,
		    rest_call(rest, "PUT", "/", NULL, NULL,
			clock_ms() + CALL_MS, &err),
		    "%d: %s", i, err.msg);
	rest_close(rest);
	waitpid(pid, NULL, 0);
}

/* Nothing asks for a "100 Continue" before it sends much. */
ATF_TC_WITHOUT_HEAD(call__large_body);
ATF_TC_BODY(call__large_body, tc)
{
	const size_t n = 2u << 20;
	struct error err = { 0 };
	struct rest *rest;
	size_t len;
	char *heard, *text = malloc(n);
	pid_t pid;

	ATF_REQUIRE(text != NULL);
	memset(text, 'x', n);
	pid = listen_once(SOCKET, "HTTP/1.1 204 \r\n\r\n", 0);
	rest = open_here();
	ATF_CHECK_EQ_MSG(0,
	    rest_call(rest, "PUT", "/", json_pack("{s:s#}", "a", text, (int)n),
		NULL, clock_ms() + CALL_MS, &err),
	    "%s", err.msg);
	rest_close(rest);
	waitpid(pid, NULL, 0);
	ATF_REQUIRE(
	    fd_slurp(&heard, &len, AT_FDCWD, "heard", 4u << 20, NULL) == 0);
	ATF_CHECK(strstr(heard, "Expect") == NULL);
	ATF_CHECK(strstr(heard, "Content-Length: 2097160\r\n") != NULL);
	free(heard);
	free(text);
}

ATF_TC_WITHOUT_HEAD(open__waits_for_the_server);
ATF_TC_BODY(open__waits_for_the_server, tc)
{
	struct error err = { 0 };
	struct rest *rest;
	pid_t pid;

	/* What a VMM that was killed has left there. */
	pid = listen_once(SOCKET, NULL, 0);
	rest_close(open_here());
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = listen_once(SOCKET, "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n7",
	    SHORT_MS);
	rest = open_here();
	ATF_CHECK_EQ_MSG(0,
	    rest_call(rest, "GET", "/", NULL, NULL, clock_ms() + CALL_MS, &err),
	    "%s", err.msg);
	rest_close(rest);
	waitpid(pid, NULL, 0);
}

ATF_TC_WITHOUT_HEAD(open__refused);
ATF_TC_BODY(open__refused, tc)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	struct error err = { 0 };
	struct rest *rest = NULL;
	int64_t start_ms = clock_ms();
	int dirfd, fd, queued;

	dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_CHECK_EQ(-1,
	    rest_open(&rest, dirfd, SOCKET, true, start_ms + SHORT_MS, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("api.sock: No such file or directory", err.msg);
	ATF_CHECK(clock_ms() - start_ms >= SHORT_MS);
	/* Who does not wait for somebody to come is told at once. */
	ATF_CHECK_EQ(-1,
	    rest_open(&rest, dirfd, SOCKET, false, clock_ms() + 10 * CALL_MS,
		&err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK(clock_ms() - start_ms < 5 * CALL_MS);
	/* Nobody listens, then nobody accepts. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ATF_CHECK_EQ(-1, rest_open(&rest, dirfd, SOCKET, false, 0, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("api.sock: Connection refused", err.msg);
	ATF_REQUIRE(listen(fd, 0) == 0);
	ATF_REQUIRE(fd_dial_now(&queued, dirfd, SOCKET, &err) == 0);
	ATF_CHECK_EQ(-1, rest_open(&rest, dirfd, SOCKET, false, 0, &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK(rest == NULL);
	rest_close(rest);
	close(queued);
	close(fd);
	close(dirfd);
}

/* A path that is too long for a socket's address. */
ATF_TC_WITHOUT_HEAD(open__long_path);
ATF_TC_BODY(open__long_path, tc)
{
	static const char dir[] = "a-directory-whose-name-is-as-long-as-that";
	struct error err = { 0 };
	struct rest *rest;
	pid_t pid;
	int i;

	for (i = 0; i < 5; i++)
		ATF_REQUIRE(mkdir(dir, 0700) == 0 && chdir(dir) == 0);
	pid = listen_once(SOCKET, "HTTP/1.1 204 \r\n\r\n", 0);
	rest = open_here();
	ATF_REQUIRE(chdir("/") == 0);
	ATF_CHECK_EQ_MSG(0,
	    rest_call(rest, "PUT", "/", NULL, NULL, clock_ms() + CALL_MS, &err),
	    "%s", err.msg);
	rest_close(rest);
	waitpid(pid, NULL, 0);
}

/* A signal ends a call long before its deadline, with its own code. */
ATF_TC_WITHOUT_HEAD(call__signal);
ATF_TC_BODY(call__signal, tc)
{
	struct error err = { 0 };
	struct rest *rest;
	int64_t start_ms;
	pid_t pid, sender;

	sig_setup();
	pid = listen_once(SOCKET, NULL, 0);
	rest = open_here();
	sender = fork();
	ATF_REQUIRE(sender != -1);
	if (sender == 0) {
		clock_nap(SHORT_MS);
		_exit(kill(getppid(), SIGTERM) == 0 ? 0 : 1);
	}
	start_ms = clock_ms();
	ATF_CHECK_EQ(-1,
	    rest_call(rest, "GET", "/", NULL, NULL, start_ms + 10 * CALL_MS,
		&err));
	ATF_CHECK_EQ_MSG(128 + SIGTERM, err.code, "%s", err.msg);
	ATF_CHECK(clock_ms() - start_ms < 5 * CALL_MS);
	rest_close(rest);
	waitpid(sender, NULL, 0);
	waitpid(pid, NULL, 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, call__answers);
	ATF_TP_ADD_TC(tp, words__long);
	ATF_TP_ADD_TC(tp, call__request_bytes);
	ATF_TP_ADD_TC(tp, call__reply);
	ATF_TP_ADD_TC(tp, call__connection_is_kept);
	ATF_TP_ADD_TC(tp, call__large_body);
	ATF_TP_ADD_TC(tp, open__waits_for_the_server);
	ATF_TP_ADD_TC(tp, open__refused);
	ATF_TP_ADD_TC(tp, open__long_path);
	ATF_TP_ADD_TC(tp, call__signal);
	return atf_no_error();
}
