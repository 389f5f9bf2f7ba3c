/* SPDX-License-Identifier: ISC */
/* Commands in a guest whose agent is not as it should be. */
#include "vmm/host/agent_exec.h"

#include "base/clock.h"
#include "lib/agent_box.h"

#define SOON_MS 30000 /* more than any of it takes */

/* Begins with a channel that is held. */
static struct agent *
begin(struct box *b, const struct box_script *script)
{
	struct error err = { 0 };
	struct agent *a = NULL;

	box_start(b, script);
	ATF_REQUIRE_EQ(0, agent_open(&a, &b->vm, b->dirfd, &err));
	ATF_REQUIRE_EQ_MSG(0, agent_hold(a, clock_ms() + SOON_MS, &err), "%s",
	    err.msg);
	return a;
}

static int
look_within(const char *reply, struct agent_end *end, size_t stream_max,
    struct error *err)
{
	struct box_script script = { .replies = { BOX_SYNCED, reply } };
	struct agent *a;
	struct box b;
	int rc;

	a = begin(&b, &script);
	rc = agent_exec_look(a, 7, end, stream_max, clock_ms() + SOON_MS, err);
	ATF_CHECK_EQ(rc == 0, agent_is_held(a));
	agent_close(a);
	box_end(&b);
	return rc;
}

static int
look(const char *reply, struct agent_end *end, struct error *err)
{
	return look_within(reply, end, AGENT_STREAM_MAX, err);
}

ATF_TC_WITHOUT_HEAD(look__right);
ATF_TC_BODY(look__right, tc)
{
	static const struct {
		const char *members;
		int status;
		const char *out, *err;
	} table[] = {
		{ "\"exitcode\": 0", 0, "", "" },
		{ "\"exitcode\": 255", 255, "", "" },
		{ "\"exitcode\": 256", 255, "", "" },
		{ "\"exitcode\": 3221225477", 255, "", "" },
		{ "\"signal\": 9", 137, "", "" },
		{ "\"exitcode\": 1, \"out-data\": \"Zm9v\"", 1, "foo", "" },
		{ "\"exitcode\": 1, \"err-data\": \"Zm8=\", "
		  "\"out-data\": \"Zg==\", \"err-truncated\": false",
		    1, "f", "fo" },
		{ "\"exitcode\": 1, \"out-data\": \"\", \"more\": [1]", 1, "",
		    "" },
	};
	struct error err = { 0 };
	struct agent_end end;
	char reply[256];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(reply, sizeof(reply),
		    "{\"return\": {\"exited\": true, %s}}\n", table[i].members);
		ATF_REQUIRE_EQ_MSG(0, look(reply, &end, &err), "%zu: %s", i,
		    err.msg);
		ATF_CHECK(end.has_ended && !end.is_cut);
		ATF_CHECK_EQ(table[i].status, end.status);
		ATF_CHECK_EQ(strlen(table[i].out), end.out_len);
		ATF_CHECK_EQ(strlen(table[i].err), end.err_len);
		ATF_CHECK(end.out_len == 0 ||
		    memcmp(table[i].out, end.out, end.out_len) == 0);
		ATF_CHECK(end.err_len == 0 ||
		    memcmp(table[i].err, end.err, end.err_len) == 0);
		agent_end_fini(&end);
	}
	ATF_CHECK_EQ(0,
	    look("{\"return\": {\"exited\": false}}\n", &end, &err));
	ATF_CHECK(!end.has_ended);
	ATF_CHECK_EQ(0,
	    look("{\"return\": {\"exited\": true, \"exitcode\": 0, "
		 "\"out-truncated\": true}}\n",
		&end, &err));
	ATF_CHECK(end.has_ended && end.is_cut);
	agent_end_fini(&end);
}

ATF_TC_WITHOUT_HEAD(look__malformed);
ATF_TC_BODY(look__malformed, tc)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"true",
		"{\"exited\": 1}",
		"{\"exited\": null}",
		"{\"exited\": \"true\"}",
		"{\"exited\": true}",
		"{\"exited\": true, \"exitcode\": -1}",
		"{\"exited\": true, \"exitcode\": 4294967296}",
		"{\"exited\": true, \"exitcode\": 1.5}",
		"{\"exited\": true, \"exitcode\": \"0\"}",
		"{\"exited\": true, \"exitcode\": 1e400}",
		"{\"exited\": true, \"signal\": 0}",
		"{\"exited\": true, \"signal\": 128}",
		"{\"exited\": true, \"signal\": 9, \"exitcode\": 1}",
		"{\"exited\": true, \"exitcode\": 0, \"out-data\": 7}",
		"{\"exited\": true, \"exitcode\": 0, \"out-data\": \"Zg\"}",
		"{\"exited\": true, \"exitcode\": 0, \"out-data\": \"Zg=\"}",
		"{\"exited\": true, \"exitcode\": 0, \"out-data\": \"=g==\"}",
		"{\"exited\": true, \"exitcode\": 0, \"out-data\": \"====\"}",
		"{\"exited\": true, \"exitcode\": 0, \"out-data\": \"Zg==Zg==\"}",
		"{\"exited\": true, \"exitcode\": 0, \"out-data\": \"Z\\n==\"}",
		"{\"exited\": true, \"exitcode\": 0, \"out-data\": \"Z\\u0000==\"}",
		"{\"exited\": true, \"exitcode\": 0, \"err-data\": \"Z-_=\"}",
		"{\"exited\": true, \"exitcode\": 0, \"out-truncated\": 1}",
	};
	struct error err;
	struct agent_end end;
	char reply[256];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(reply, sizeof(reply), "{\"return\": %s}\n", bad[i]);
		err = (struct error){ 0 };
		ATF_CHECK_EQ_MSG(-1, look(reply, &end, &err), "%s", bad[i]);
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "%s", bad[i]);
		ATF_CHECK_MSG(strncmp("guest agent: guest-exec-status: ",
				  err.msg, 32) == 0,
		    "%s", err.msg);
	}
}

ATF_TC_WITHOUT_HEAD(start__malformed);
ATF_TC_BODY(start__malformed, tc)
{
	static const char *const bad[] = { "{}", "7", "{\"pid\": 0}",
		"{\"pid\": -1}", "{\"pid\": \"7\"}", "{\"pid\": 7.0}",
		"{\"pid\": 9223372036854775808}" };
	char word[] = "true";
	char *const argv[] = { word, NULL };
	const struct agent_command c = { .argv = argv };
	struct box_script script = { .replies = { BOX_SYNCED } };
	struct error err;
	struct agent *a;
	struct box b;
	uint64_t pid;
	char reply[128];
	size_t i;

	script.replies[1] = reply;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(reply, sizeof(reply), "{\"return\": %s}\n", bad[i]);
		err = (struct error){ 0 };
		a = begin(&b, &script);
		ATF_CHECK_EQ_MSG(-1,
		    agent_exec_start(a, &pid, &c, clock_ms() + SOON_MS, &err),
		    "%s", bad[i]);
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		ATF_CHECK_MSG(strncmp("guest agent: guest-exec: ", err.msg,
				  25) == 0,
		    "%s", err.msg);
		agent_close(a);
		box_end(&b);
	}
}

/* As much as an agent keeps of both streams. */
ATF_TC_WITHOUT_HEAD(look__most);
ATF_TC_BODY(look__most, tc)
{
	static const char head[] =
	    "{\"return\": {\"exited\": true, \"exitcode\": 0, \"out-data\": \"";
	static const char middle[] = "\", \"err-data\": \"";
	const size_t n = (AGENT_STREAM_MAX + 2) / 3 * 4;
	char *text = malloc(2 * n + 256), *p;
	struct error err = { 0 };
	struct agent_end end;

	p = stpcpy(text, head);
	memset(p, 'A', n);
	p = stpcpy(p + n, middle);
	memset(p, 'A', n);
	strcpy(p + n, "\"}}\n");
	ATF_REQUIRE_EQ_MSG(0, look(text, &end, &err), "%s", err.msg);
	ATF_CHECK_EQ(n / 4 * 3, end.out_len);
	ATF_CHECK_EQ(n / 4 * 3, end.err_len);
	agent_end_fini(&end);
	/* And more than that. */
	p = stpcpy(text, head);
	memset(p, 'A', n + 8);
	strcpy(p + n + 8, "\"}}\n");
	ATF_CHECK_EQ(-1, look(text, &end, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	/* Who has little to say is not heard any longer. */
	err = (struct error){ 0 };
	p = stpcpy(text, head);
	memset(p, 'A', 4 << 20);
	strcpy(p + (4 << 20), "\"}}\n");
	ATF_CHECK_EQ(-1, look_within(text, &end, 4096, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_MATCH("message of more than ", err.msg);
	free(text);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, look__right);
	ATF_TP_ADD_TC(tp, look__malformed);
	ATF_TP_ADD_TC(tp, look__most);
	ATF_TP_ADD_TC(tp, start__malformed);
	return atf_no_error();
}
