/* SPDX-License-Identifier: ISC */
/* Files in a guest whose agent is not as it should be. */
#include "vmm/host/agent_file.h"

#include "base/clock.h"
#include "lib/agent_box.h"

#define SOON_MS 30000 /* more than any of it takes */

static unsigned char buf[AGENT_CHUNK];

/* What is asked for. */
enum call { OPEN, CLOSE, READ, WRITE };

static const char *const commands[] = { "guest-file-open", "guest-file-close",
	"guest-file-read", "guest-file-write" };

/* Asks it of an agent that says `reply`; *got is what it says. */
static int
ask(enum call call, const char *reply, uint64_t *got, struct error *err)
{
	struct box_script script = { .replies = { BOX_SYNCED, reply } };
	struct agent *a = NULL;
	struct box b;
	size_t len = 0;
	int rc = -1;

	box_start(&b, &script);
	ATF_REQUIRE_EQ(0, agent_open(&a, &b.vm, b.dirfd, err));
	ATF_REQUIRE_EQ_MSG(0, agent_hold(a, clock_ms() + SOON_MS, err), "%s",
	    err->msg);
	*got = 0;
	if (call == OPEN)
		rc = agent_file_open(a, got, "/x", "r", err);
	else if (call == CLOSE)
		rc = agent_file_close(a, 7, err);
	else if (call == READ) {
		rc = agent_file_read(a, 7, buf, &len, err);
		*got = len;
	} else
		rc = agent_file_write(a, 7, "abc", 3, err);
	/* What is no reply ends the conversation; a refusal is one. */
	ATF_CHECK_EQ(rc == 0 || agent_refusal(a) != NULL, agent_is_held(a));
	agent_close(a);
	box_end(&b);
	return rc;
}

ATF_TC_WITHOUT_HEAD(file__right);
ATF_TC_BODY(file__right, tc)
{
	static const struct {
		enum call call;
		const char *reply;
		uint64_t got;
	} table[] = {
		{ OPEN, "{\"return\": 0}\n", 0 },
		{ OPEN, "{\"return\": 9223372036854775807}\n", INT64_MAX },
		{ CLOSE, "{\"return\": {}}\n", 0 },
		{ READ,
		    "{\"return\": {\"count\": 3, \"buf-b64\": \"YWJj\", "
		    "\"eof\": false}}\n",
		    3 },
		{ READ,
		    "{\"return\": {\"count\": 0, \"buf-b64\": \"\", "
		    "\"eof\": true}}\n",
		    0 },
		{ WRITE, "{\"return\": {\"count\": 3, \"eof\": false}}\n", 0 },
	};
	struct error err = { 0 };
	uint64_t got;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ATF_CHECK_EQ_MSG(0,
		    ask(table[i].call, table[i].reply, &got, &err), "%zu: %s",
		    i, err.msg);
		ATF_CHECK_EQ_MSG(table[i].got, got, "%zu", i);
	}
	ATF_CHECK_EQ(0, memcmp(buf, "abc", 3));
}

ATF_TC_WITHOUT_HEAD(file__malformed);
ATF_TC_BODY(file__malformed, tc)
{
	static const struct {
		enum call call;
		const char *value;
	} bad[] = {
		{ OPEN, "{}" },
		{ OPEN, "\"7\"" },
		{ OPEN, "-1" },
		{ OPEN, "7.0" },
		{ OPEN, "9223372036854775808" },
		{ OPEN, "[7]" },
		{ OPEN, "true" },
		{ READ, "{}" },
		{ READ, "7" },
		{ READ, "\"YWJj\"" },
		{ READ, "{\"buf-b64\": \"YWJj\"}" },
		{ READ, "{\"eof\": true}" },
		{ READ, "{\"buf-b64\": \"YWJj\", \"eof\": 0}" },
		{ READ, "{\"buf-b64\": \"YWJj\", \"eof\": null}" },
		{ READ, "{\"buf-b64\": 7, \"eof\": false}" },
		{ READ, "{\"buf-b64\": null, \"eof\": true}" },
		{ READ, "{\"buf-b64\": [\"YWJj\"], \"eof\": false}" },
		{ READ, "{\"buf-b64\": \"YWJ\", \"eof\": false}" },
		{ READ, "{\"buf-b64\": \"YW=j\", \"eof\": false}" },
		{ READ, "{\"buf-b64\": \"YWJj\\u0000\", \"eof\": false}" },
		{ READ, "{\"buf-b64\": \"YW-_\", \"eof\": false}" },
		/* Neither bytes nor the end: it would go on for ever. */
		{ READ, "{\"buf-b64\": \"\", \"eof\": false}" },
		{ WRITE, "{}" },
		{ WRITE, "3" },
		{ WRITE, "{\"count\": 2}" },
		{ WRITE, "{\"count\": 4}" },
		{ WRITE, "{\"count\": -1}" },
		{ WRITE, "{\"count\": \"3\"}" },
		{ WRITE, "{\"count\": 3.0}" },
		{ WRITE, "{\"count\": 99999999999999999999}" },
	};
	char reply[256], start[64];
	struct error err;
	uint64_t got;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(reply, sizeof(reply), "{\"return\": %s}\n",
		    bad[i].value);
		snprintf(start, sizeof(start),
		    "guest agent: %s: ", commands[bad[i].call]);
		err = (struct error){ 0 };
		ATF_CHECK_EQ_MSG(-1, ask(bad[i].call, reply, &got, &err), "%s",
		    bad[i].value);
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "%s", bad[i].value);
		ATF_CHECK_MSG(strncmp(start, err.msg, strlen(start)) == 0,
		    "%s: %s", bad[i].value, err.msg);
	}
}

/* More than was asked for, by a byte and by megabytes. */
ATF_TC_WITHOUT_HEAD(read__too_much);
ATF_TC_BODY(read__too_much, tc)
{
	static const size_t lens[] = { AGENT_CHUNK / 3 * 4 + 4,
		AGENT_REPLY_MAX };
	char *text = malloc(AGENT_REPLY_MAX + 256), *p;
	struct error err = { 0 };
	uint64_t got;
	size_t i;

	for (i = 0; i < 2; i++) {
		p = stpcpy(text,
		    "{\"return\": {\"eof\": false, \"buf-b64\": \"");
		memset(p, 'A', lens[i]);
		strcpy(p + lens[i], "\"}}\n");
		ATF_CHECK_EQ(-1, ask(READ, text, &got, &err));
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "%s", err.msg);
	}
	free(text);
}

ATF_TC_WITHOUT_HEAD(file__refused);
ATF_TC_BODY(file__refused, tc)
{
	static const char reply[] =
	    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n";
	char want[64];
	struct error err;
	uint64_t got;
	int call;

	for (call = OPEN; call <= WRITE; call++) {
		err = (struct error){ 0 };
		snprintf(want, sizeof(want), "guest agent: %s: no",
		    commands[call]);
		ATF_CHECK_EQ(-1, ask((enum call)call, reply, &got, &err));
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		ATF_CHECK_STREQ(want, err.msg);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, file__right);
	ATF_TP_ADD_TC(tp, file__malformed);
	ATF_TP_ADD_TC(tp, read__too_much);
	ATF_TP_ADD_TC(tp, file__refused);
	return atf_no_error();
}
