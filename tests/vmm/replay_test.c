/* SPDX-License-Identifier: ISC */
/* The REST client and the tests' server of recorded answers, face to face. */
#include "vmm/host/rest.h"

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

#include "lib/replay.h"
#include "lib/rest_server.h"

/*
 * The recorded calls.
 */

/* The body as JSON: of the announced length where it was never sent. */
static json_t *
body_of(const struct call *call)
{
	json_t *body;
	char *text;

	if (call->content_length == 0)
		return NULL;
	if (!call->is_head_only)
		return json_loads(call->body, JSON_DECODE_ANY, NULL);
	text = malloc(call->content_length);
	ATF_REQUIRE(text != NULL);
	memset(text, 'x', call->content_length - 2);
	body = json_stringn(text, call->content_length - 2);
	free(text);
	return body;
}

/* Whether the message has each of the words of the recorded answer. */
static void
check_words(const struct call *call, const char *body, const char *message)
{
	const char *words;
	json_t *all;
	size_t i;

	if (*body == '\0') {
		ATF_CHECK_MSG(strstr(message, "status 400 without a word") !=
			NULL,
		    "%s: %s", call->number, message);
		return;
	}
	all = json_loads(body, 0, NULL);
	if (all == NULL) {
		/* The library's own: a newline within the string. */
		ATF_CHECK_MSG(strchr(body, '\n') != NULL &&
			strstr(message, "dropped.") != NULL,
		    "%s: %s", call->number, message);
		words = strstr(body, ": \"") + 3;
		ATF_CHECK_MSG(memmem(message, strlen(message), words,
				  strcspn(words, "\n")) != NULL,
		    "%s: %s", call->number, message);
		return;
	}
	words = json_string_value(json_object_get(all, "fault_message"));
	ATF_CHECK_MSG(words == NULL || strstr(message, words) != NULL, "%s: %s",
	    call->number, message);
	for (i = 0; i < json_array_size(all); i++) {
		words = json_string_value(json_array_get(all, i));
		ATF_CHECK_MSG(words != NULL && strstr(message, words) != NULL,
		    "%s: %s lacks %s", call->number, message, words);
	}
	ATF_CHECK_MSG(words != NULL, "%s: no words: %s", call->number, body);
	json_decref(all);
}

static void
check_reply(const struct call *call, const char *body, const struct jdoc *reply)
{
	char *text = NULL;

	ATF_REQUIRE(jdoc_text(&text, NULL, reply, NULL) == 0);
	ATF_CHECK_MSG(strcmp(body, text) == 0, "%s: another reply: %s",
	    call->number, text);
	free(text);
}

static void
try_call(struct rest *rest, const struct call *call)
{
	const char *body = call->answer + call->head_len;
	char method[16] = "", path[256] = "";
	bool has_body = *body != '\0';
	struct jdoc *reply = NULL;
	struct error err = { 0 };
	int status = 0;
	int rc;

	ATF_REQUIRE_EQ(2, sscanf(call->line, "%15s %255s", method, path));
	ATF_REQUIRE_EQ(1, sscanf(call->answer, "HTTP/1.1 %d", &status));
	rc = rest_call(rest, method, path, body_of(call),
	    has_body ? &reply : NULL, clock_ms() + CALL_MS, &err);
	ATF_CHECK_EQ_MSG(status, rest_status(rest), "%s: %d: %s", call->number,
	    rest_status(rest), err.msg);
	ATF_CHECK_EQ_MSG(status < 400 ? 0 : -1, rc, "%s: %d", call->number, rc);
	if (rc == 0 && has_body) {
		check_reply(call, body, reply);
	} else if (rc == -1) {
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		check_words(call, body, err.msg);
	}
	jdoc_free(reply);
}

/* All of them in their order, on one connection. */
static void
try_all(struct server *s, size_t calls_min)
{
	static const char *const none[] = { NULL };
	const struct strings no_swaps = { .n = 0 };
	const char *calls[ARGS_MAX] = { NULL };
	const char *options[] = { "-s", NULL, NULL };
	struct transcript t;
	struct rest *rest;
	char swap[256];
	size_t i, n = 0;
	json_t *body;

	transcript_read(&t, s->fixture, &no_swaps);
	ATF_CHECK_MSG(t.n >= calls_min, "%zu calls", t.n);
	for (i = 0; i < t.n && n < ARGS_MAX - 1; i++) {
		body = body_of(&t.v[i]);
		if (body != NULL || t.v[i].content_length == 0) {
			calls[n++] = t.v[i].number;
			json_decref(body);
			continue;
		}
		/* A body that is no JSON: not one that we can send. */
		snprintf(swap, sizeof(swap), "%s={}", t.v[i].body);
		options[1] = swap;
		calls[n] = t.v[i].number;
		server_start(s, options, s->fixture, calls + n);
		calls[n] = NULL;
		strcpy(t.v[i].body, "{}");
		t.v[i].content_length = 2;
		rest = open_here();
		try_call(rest, &t.v[i]);
		rest_close(rest);
		server_end(s);
		t.v[i].is_used = true;
	}
	server_start(s, none, s->fixture, calls);
	rest = open_here();
	for (i = 0; i < t.n; i++)
		if (!t.v[i].is_used)
			try_call(rest, &t.v[i]);
	rest_close(rest);
	server_end(s);
	transcript_free(&t);
}

ATF_TC_WITHOUT_HEAD(call__cloud_hypervisor_recorded);
ATF_TC_BODY(call__cloud_hypervisor_recorded, tc)
{
	struct server s;

	if (!server_find(&s, tc, "ch-api.txt"))
		atf_tc_skip("%s: not here", s.fixture);
	try_all(&s, 88);
}

ATF_TC_WITHOUT_HEAD(call__firecracker_recorded);
ATF_TC_BODY(call__firecracker_recorded, tc)
{
	struct server s;

	if (!server_find(&s, tc, "fc-api.txt"))
		atf_tc_skip("%s: not here", s.fixture);
	try_all(&s, 82);
}

/*
 * Faults.
 */

ATF_TC_WITHOUT_HEAD(call__faults);
ATF_TC_BODY(call__faults, tc)
{
	static const struct {
		const char *fault;
		int code;
		const char *message;
	} table[] = {
		{ "cut@2", EX_UNAVAILABLE,
		    "PUT /two: closed the connection without an answer" },
		{ "half@2", EX_UNAVAILABLE,
		    "PUT /two: closed the connection in the middle of its "
		    "answer" },
		{ "part@2", EX_UNAVAILABLE,
		    "PUT /two: closed the connection in the middle of its "
		    "answer" },
		{ "silent@2", EX_TEMPFAIL, "PUT /two: no answer in time" },
		{ "stuck@2", EX_TEMPFAIL, "PUT /two: no answer in time" },
		{ "garbage@2", EX_UNAVAILABLE, "PUT /two: no HTTP answer: " },
		{ "flood@2", EX_UNAVAILABLE,
		    "PUT /two: answer with more than 16777216 bytes of body" },
		{ "endless@2", EX_UNAVAILABLE,
		    "PUT /two: answer with more than 65536 bytes of head" },
	};
	static const char *const calls[] = { "1", "2", "3", NULL };
	const char *options[] = { "-f", NULL, NULL };
	struct error err;
	struct server s;
	struct rest *rest;
	int64_t start_ms;
	struct jdoc *reply;
	char path[512];
	size_t i;
	int rc;

	server_find(&s, tc, "");
	snprintf(path, sizeof(path), "%s/../data/rest/three.txt",
	    atf_tc_get_config_var(tc, "srcdir"));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		options[1] = table[i].fault;
		server_start(&s, options, path, calls);
		rest = open_here();
		reply = NULL;
		ATF_CHECK_EQ(0,
		    rest_call(rest, "GET", "/one", NULL, &reply,
			clock_ms() + CALL_MS, &err));
		jdoc_free(reply);
		reply = NULL;
		memset(&err, 0, sizeof(err));
		start_ms = clock_ms();
		rc = rest_call(rest, "PUT", "/two", json_pack("{s:i}", "a", 1),
		    &reply,
		    start_ms +
			(table[i].code == EX_TEMPFAIL ? SHORT_MS : CALL_MS),
		    &err);
		ATF_CHECK_EQ_MSG(-1, rc, "%s: taken", table[i].fault);
		ATF_CHECK_EQ_MSG(table[i].code, err.code, "%s: %d",
		    table[i].fault, err.code);
		ATF_CHECK_MSG(strncmp(err.msg, table[i].message,
				  strlen(table[i].message)) == 0,
		    "%s: %s", table[i].fault, err.msg);
		ATF_CHECK(reply == NULL);
		ATF_CHECK(table[i].code != EX_TEMPFAIL ||
		    clock_ms() - start_ms >= SHORT_MS);
		/* It was sent once: the server expects the next one now. */
		rc = rest_call(rest, "GET", "/three", NULL, NULL,
		    clock_ms() + CALL_MS, &err);
		ATF_CHECK_EQ_MSG(0, rc, "%s: %s", table[i].fault, err.msg);
		rest_close(rest);
		server_end(&s);
	}
}

/* The server refuses what was not recorded, or not in that order. */
ATF_TC_WITHOUT_HEAD(replay__refuses);
ATF_TC_BODY(replay__refuses, tc)
{
	static const struct {
		const char *method, *path, *body;
	} table[] = {
		{ "GET", "/two", NULL },
		{ "PUT", "/two", NULL },
		{ "PUT", "/two", "{\"a\":2}" },
		{ "PUT", "/two", "{\"a\":1,\"b\":1}" },
		{ "PATCH", "/two", "{\"a\":1}" },
		{ "PUT", "/two?x=1", "{\"a\":1}" },
		{ "GET", "/three", NULL },
	};
	static const char *const none[] = { NULL };
	static const char *const calls[] = { "the second", NULL };
	struct error err = { 0 };
	struct server s;
	struct rest *rest;
	char path[512];
	int status;
	size_t i;

	server_find(&s, tc, "");
	snprintf(path, sizeof(path), "%s/../data/rest/three.txt",
	    atf_tc_get_config_var(tc, "srcdir"));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		server_start(&s, none, path, calls);
		rest = open_here();
		ATF_CHECK_EQ(-1,
		    rest_call(rest, table[i].method, table[i].path,
			table[i].body == NULL
			    ? NULL
			    : json_loads(table[i].body, 0, NULL),
			NULL, clock_ms() + CALL_MS, &err));
		ATF_CHECK_EQ(0, rest_status(rest));
		rest_close(rest);
		ATF_REQUIRE(waitpid(s.pid, &status, 0) == s.pid);
		ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	}
	/* One that was not played is missed. */
	server_start(&s, none, path, calls);
	rest_close(open_here());
	kill(s.pid, SIGTERM);
	ATF_REQUIRE(waitpid(s.pid, &status, 0) == s.pid);
	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

/* Names put in, and calls in whatever order they come. */
ATF_TC_WITHOUT_HEAD(replay__any_order);
ATF_TC_BODY(replay__any_order, tc)
{
	static const char *const options[] = { "-s", "/two=/zwei", "-s",
		"second=zweite Antwort", "-l", "log", "-c", "2=file:copied",
		"-e", "3=7", NULL };
	static const char *const calls[] = { "any", NULL };
	struct error err = { 0 };
	struct jdoc *reply = NULL;
	struct server s;
	struct rest *rest;
	char path[512], said[32];
	char *log;
	int status;

	server_find(&s, tc, "");
	snprintf(path, sizeof(path), "%s/../data/rest/three.txt",
	    atf_tc_get_config_var(tc, "srcdir"));
	atf_utils_create_file("file", "a file");
	server_start(&s, options, path, calls);
	rest = open_here();
	ATF_CHECK_EQ(-1, access("copied", F_OK));
	ATF_CHECK_EQ_MSG(0,
	    rest_call(rest, "PUT", "/zwei", json_pack("{s:i}", "a", 1), &reply,
		clock_ms() + CALL_MS, &err),
	    "%s", err.msg);
	ATF_CHECK_EQ(0,
	    jdoc_get_str(reply, JDOC_ROOT, "said", said, sizeof(said),
		JSON_REQUIRED, &err));
	ATF_CHECK_STREQ("zweite Antwort", said);
	jdoc_free(reply);
	ATF_CHECK(atf_utils_compare_file("copied", "a file"));
	ATF_CHECK_EQ(0,
	    rest_call(rest, "GET", "/one", NULL, NULL, clock_ms() + CALL_MS,
		&err));
	ATF_CHECK_EQ(0,
	    rest_call(rest, "GET", "/three", NULL, NULL, clock_ms() + CALL_MS,
		&err));
	rest_close(rest);
	ATF_REQUIRE(waitpid(s.pid, &status, 0) == s.pid);
	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	ATF_REQUIRE(fd_slurp(&log, NULL, AT_FDCWD, "log", 4096, &err) == 0);
	ATF_CHECK_STREQ("2. the second\n1. the first\n3. the third\n", log);
	free(log);
	/* Each once only. */
	server_start(&s, options, path, calls);
	rest = open_here();
	ATF_CHECK_EQ(0,
	    rest_call(rest, "GET", "/one", NULL, NULL, clock_ms() + CALL_MS,
		&err));
	ATF_CHECK_EQ(-1,
	    rest_call(rest, "GET", "/one", NULL, NULL, clock_ms() + CALL_MS,
		&err));
	rest_close(rest);
	server_kill(&s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, call__cloud_hypervisor_recorded);
	ATF_TP_ADD_TC(tp, call__firecracker_recorded);
	ATF_TP_ADD_TC(tp, call__faults);
	ATF_TP_ADD_TC(tp, replay__refuses);
	ATF_TP_ADD_TC(tp, replay__any_order);
	return atf_no_error();
}
