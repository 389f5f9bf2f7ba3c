/* SPDX-License-Identifier: ISC */
/* The guest's agent against one that is not as it should be. */
#include "vmm/host/agent.h"

#include "base/clock.h"
#include "lib/agent_box.h"
#include "vmm/host/agent_exec.h"

#define SOON_MS 30000 /* more than any of it takes */
#define OVER_MS 200 /* of what must not come */

#define CLOSED "guest agent: the VM has closed its channel"
#define SILENT "guest agent: no answer from the guest"
#define NONE "guest agent: guest-ping: what came is no reply"

static struct agent *
open_agent(struct box *b)
{
	struct error err = { 0 };
	struct agent *a = NULL;

	ATF_REQUIRE_EQ_MSG(0, agent_open(&a, &b->vm, b->dirfd, &err), "%s",
	    err.msg);
	return a;
}

/* Asks a guest-ping of the script's agent; what came of it. */
static int
ping(const struct box_script *script, struct error *err)
{
	struct agent *a;
	struct box b;
	int rc;

	box_start(&b, script);
	a = open_agent(&b);
	rc = agent_call(a, "guest-ping", NULL, NULL, AGENT_REPLY_MAX,
	    clock_ms() + SOON_MS, err);
	/* What would come next is not known: the channel is let go. */
	ATF_CHECK_EQ(rc == 0 || agent_refusal(a) != NULL, agent_is_held(a));
	agent_close(a);
	box_end(&b);
	return rc;
}

ATF_TC_WITHOUT_HEAD(call__right);
ATF_TC_BODY(call__right, tc)
{
	static const struct box_script script = {
		.replies = { BOX_SYNCED, "{\"return\": {}}\r\n" }
	};
	struct error err = { 0 };

	ATF_CHECK_EQ_MSG(0, ping(&script, &err), "%s", err.msg);
}

/* What may stand before the right reply to a sync, and is passed over. */
ATF_TC_WITHOUT_HEAD(sync__stale);
ATF_TC_BODY(sync__stale, tc)
{
	static const char *const stale[] = {
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"x\"}}\n",
		"{\"return\": {\"exited\": true}}\n\377{\"return\": 7}\n",
		"\377{\"return\": 7}\n",
		"\377\377",
		"\377{\"return\": \377",
		"\377{\"return\": {}}\n",
		"\377\n",
		"\n\n\n",
		"{\"return\": @}\n", /* without its mark */
		"half a rep",
	};
	struct box_script script = { 0 };
	struct error err = { 0 };
	char text[256];
	size_t i;

	script.replies[0] = text;
	script.replies[1] = "{\"return\": {}}\n";
	for (i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", stale[i], BOX_SYNCED);
		ATF_CHECK_EQ_MSG(0, ping(&script, &err), "%zu: %s", i, err.msg);
	}
	/* Megabytes of a reply that nobody took. */
	snprintf(text, sizeof(text), "\n%s", BOX_SYNCED);
	script.flood_bytes = 8u << 20;
	ATF_CHECK_EQ_MSG(0, ping(&script, &err), "%s", err.msg);
}

/* Replies to a sync that are none: then it closes. */
ATF_TC_WITHOUT_HEAD(sync__malformed);
ATF_TC_BODY(sync__malformed, tc)
{
	static const char *const bad[] = {
		"",
		"\377",
		"\n",
		"\377\n",
		"{\"return\": @}\n",
		"\377{\"return\": @}",
		"\377{\"return\": @}\377\n",
		"\377{\"return\": 1@}\n",
		"\377{\"return\": -@}\n",
		"\377{\"return\": \"@\"}\n",
		"\377{\"return\": [@]}\n",
		"\377{\"return\": @.0}\n",
		"\377{\"return\": @, \"return\": @}\n",
		"\377{\"id\": @}\n",
		"\377{\"return\": {\"return\": @}}\n",
		"\377[{\"return\": @}]\n",
		"\377{\"return\": null}\n",
		"\377@\n",
		"\377{\"return\": @} {}\n",
		"\377{\"error\": {\"class\": \"x\", \"desc\": \"@\"}}\n",
	};
	struct box_script script = { 0 };
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		script.replies[0] = bad[i];
		err = (struct error){ 0 };
		ATF_CHECK_EQ_MSG(-1, ping(&script, &err), "%zu", i);
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "%zu", i);
		ATF_CHECK_STREQ(CLOSED, err.msg);
	}
}

/* Replies to a question that are none. */
ATF_TC_WITHOUT_HEAD(call__malformed);
ATF_TC_BODY(call__malformed, tc)
{
	static const struct {
		const char *reply, *message;
	} bad[] = {
		{ "", CLOSED },
		{ "{\"return\": {}}", CLOSED },
		{ "\n", NONE ": not JSON: " },
		{ "\377\n", NONE ": " },
		{ "{}\n", NONE },
		{ "[]\n", NONE },
		{ "null\n", NONE },
		{ "7\n", NONE },
		{ "\"return\"\n", NONE },
		{ "{\"return\": null}\n", NONE },
		{ "{\"Return\": {}}\n", NONE },
		{ "{\"return\": {}\n", NONE ": " },
		{ "{\"return\": {}} x\n", NONE ": " },
		{ "{\"return\": 1, \"return\": 2}\n", NONE ": " },
		{ "{'return': {}}\n", NONE ": " },
		{ "{\"return\": \"\303\"}\n", NONE ": " },
		{ "{\"return\": 1, \"error\": {\"desc\": \"x\"}}\n", NONE },
		{ "{\"error\": {}}\n", NONE },
		{ "{\"error\": \"no\"}\n", NONE },
		{ "{\"error\": {\"desc\": 7}}\n", NONE },
		{ "{\"error\": {\"desc\": null}}\n", NONE },
		{ "{\"error\": [\"desc\"]}\n", NONE },
	};
	struct box_script script = { .replies = { BOX_SYNCED } };
	struct error err;
	size_t i, n;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		script.replies[1] = bad[i].reply;
		err = (struct error){ 0 };
		ATF_CHECK_EQ_MSG(-1, ping(&script, &err), "%zu", i);
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "%zu", i);
		n = strlen(bad[i].message);
		ATF_CHECK_MSG(strncmp(bad[i].message, err.msg, n) == 0 &&
			(bad[i].message[n - 1] == ' ' || err.msg[n] == '\0' ||
			    err.msg[n] == ':'),
		    "%zu: %s", i, err.msg);
	}
}

/* Nested beyond all measure, and longer than a reply may be. */
ATF_TC_WITHOUT_HEAD(call__too_much);
ATF_TC_BODY(call__too_much, tc)
{
	struct box_script script = { .replies = { BOX_SYNCED } };
	struct error err = { 0 };
	char *text = malloc(AGENT_REPLY_MAX * 2 + 2);
	size_t len = AGENT_REPLY_MAX * 2;

	memset(text, '[', 4096);
	memcpy(text + 4096, "\n", 2);
	script.replies[1] = text;
	ATF_CHECK_EQ(-1, ping(&script, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_MATCH("no reply: ", err.msg);
	memset(text, ' ', len);
	memcpy(text + len, "\n", 2);
	ATF_CHECK_EQ(-1, ping(&script, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("guest agent: message of more than 1048576 bytes",
	    err.msg);
	free(text);
}

/* What it says of a refusal is text, whatever is in it. */
ATF_TC_WITHOUT_HEAD(call__refused);
ATF_TC_BODY(call__refused, tc)
{
	static const struct box_script script = {
		.replies = { BOX_SYNCED,
		    "{\"error\": {\"class\": \"CommandNotFound\", "
		    "\"desc\": \"no\\n\\u001b[2J%s\"}}\n",
		    "{\"error\": {\"desc\": \"again\"}}\n",
		    "{\"return\": {}}\n" }
	};
	struct error err = { 0 };
	struct agent *a;
	struct box b;

	box_start(&b, &script);
	a = open_agent(&b);
	ATF_CHECK_EQ(-1,
	    agent_call(a, "guest-ping", NULL, NULL, AGENT_REPLY_MAX,
		clock_ms() + SOON_MS, &err));
	ATF_CHECK_STREQ("guest agent: guest-ping: no??[2J%s", err.msg);
	ATF_CHECK_STREQ(AGENT_NO_COMMAND, agent_refusal(a));
	ATF_CHECK_EQ(-1,
	    agent_call(a, "guest-ping", NULL, NULL, AGENT_REPLY_MAX,
		clock_ms() + SOON_MS, &err));
	ATF_CHECK_STREQ("guest agent: guest-ping: again", err.msg);
	ATF_CHECK_STREQ("none", agent_refusal(a));
	ATF_CHECK(agent_is_held(a));
	ATF_CHECK_EQ(0,
	    agent_call(a, "guest-ping", NULL, NULL, AGENT_REPLY_MAX,
		clock_ms() + SOON_MS, &err));
	ATF_CHECK(agent_refusal(a) == NULL);
	agent_close(a);
	box_end(&b);
}

ATF_TC_WITHOUT_HEAD(hold__never_answers);
ATF_TC_BODY(hold__never_answers, tc)
{
	static const struct box_script scripts[] = {
		{ .is_silent = true },
		{ .replies = { "\377{\"return\": 7}\n" }, .is_silent = true },
		{ .replies = { "" },
		    .flood_bytes = 1u << 20,
		    .is_silent = true },
	};
	struct error err = { 0 };
	struct agent *a;
	struct box b;
	size_t i;

	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		box_start(&b, &scripts[i]);
		a = open_agent(&b);
		ATF_CHECK_EQ(-1, agent_hold(a, clock_ms() + OVER_MS, &err));
		ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
		ATF_CHECK_STREQ(SILENT, err.msg);
		ATF_CHECK(!agent_is_held(a));
		agent_close(a);
		box_end(&b);
	}
}

/* More than anybody could have left unread is no stale reply. */
ATF_TC_WITHOUT_HEAD(hold__flood);
ATF_TC_BODY(hold__flood, tc)
{
	static const struct box_script script = { .replies = { "" },
		.flood_bytes = 2 * AGENT_STALE_MAX };
	struct error err = { 0 };
	struct agent *a;
	struct box b;

	box_start(&b, &script);
	a = open_agent(&b);
	ATF_CHECK_EQ(-1, agent_hold(a, clock_ms() + 10 * SOON_MS, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("guest agent: it sends without end", err.msg);
	agent_close(a);
	box_end(&b);
}

/* The reply to a question that was given up comes before the next one's. */
ATF_TC_WITHOUT_HEAD(call__late);
ATF_TC_BODY(call__late, tc)
{
	static const struct box_script script = { .replies = { BOX_SYNCED, "" },
		.is_silent = true };
	static const struct box_script late = {
		.replies = { "{\"return\": {\"pid\": 1}}\n" BOX_SYNCED,
		    "{\"return\": {\"pid\": 2}}\n" }
	};
	char word[] = "true";
	char *const argv[] = { word, NULL };
	const struct agent_command c = { .argv = argv };
	struct error err = { 0 };
	struct agent *a;
	struct box b;
	uint64_t pid = 0;

	box_start(&b, &script);
	a = open_agent(&b);
	ATF_CHECK_EQ(-1,
	    agent_exec_start(a, &pid, &c, clock_ms() + OVER_MS, &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK_STREQ("guest agent: no answer in time", err.msg);
	ATF_CHECK(!agent_is_held(a));
	agent_close(a);
	box_end(&b);
	box_start(&b, &late);
	a = open_agent(&b);
	ATF_CHECK_EQ_MSG(0,
	    agent_exec_start(a, &pid, &c, clock_ms() + SOON_MS, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(2, pid);
	agent_close(a);
	box_end(&b);
}

/* Started anew between two questions: the channel is taken up again. */
ATF_TC_WITHOUT_HEAD(call__restarted);
ATF_TC_BODY(call__restarted, tc)
{
	static const struct box_script script = { .replies = { BOX_SYNCED,
						      "{\"return\": {}}\n" },
		.clients = 2 };
	struct error err = { 0 };
	struct agent *a;
	struct box b;
	int i;

	box_start(&b, &script);
	a = open_agent(&b);
	for (i = 0; i < 3; i++) {
		ATF_CHECK_EQ(i == 1 ? -1 : 0,
		    agent_call(a, "guest-ping", NULL, NULL, AGENT_REPLY_MAX,
			clock_ms() + SOON_MS, &err));
		ATF_CHECK_EQ(i != 1, agent_is_held(a));
	}
	ATF_CHECK_STREQ(CLOSED, err.msg);
	agent_close(a);
	box_end(&b);
}

/* One at a time, and each in its turn. */
ATF_TC_WITHOUT_HEAD(hold__others);
ATF_TC_BODY(hold__others, tc)
{
	static const struct box_script script = { .replies = { BOX_SYNCED },
		.is_silent = true,
		.clients = 2 };
	struct error err = { 0 };
	struct agent *a, *other;
	struct box b;

	box_start(&b, &script);
	a = open_agent(&b);
	other = open_agent(&b);
	ATF_REQUIRE_EQ(0, agent_hold(a, clock_ms() + SOON_MS, &err));
	ATF_CHECK_EQ(-1, agent_hold(other, clock_ms() + OVER_MS, &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK_STREQ("guest agent: busy: another program talks with it",
	    err.msg);
	agent_release(a);
	ATF_CHECK_EQ_MSG(0, agent_hold(other, clock_ms() + SOON_MS, &err), "%s",
	    err.msg);
	agent_close(other);
	agent_close(a);
	box_end(&b);
}

ATF_TC_WITHOUT_HEAD(open__no_channel);
ATF_TC_BODY(open__no_channel, tc)
{
	struct error err = { 0 };
	struct agent *a;
	struct vm vm;

	vm_init(&vm);
	snprintf(vm.machine.hypervisor, sizeof(vm.machine.hypervisor), "qemu");
	ATF_CHECK_EQ(-1, agent_open(&a, &vm, AT_FDCWD, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("has no channel for a guest agent: vm-create --agent "
			"makes a VM with one",
	    err.msg);
	vm_fini(&vm);
}

/* By a port of its vsock, which the VMM is asked for. */
ATF_TC_WITHOUT_HEAD(vsock__right);
ATF_TC_BODY(vsock__right, tc)
{
	static const struct box_script script = { .replies = { BOX_SYNCED,
						      "{\"return\": {}}\n" },
		.vsock = "OK 1073741824\n" };
	struct error err = { 0 };

	ATF_CHECK_EQ_MSG(0, ping(&script, &err), "%s", err.msg);
}

ATF_TC_WITHOUT_HEAD(vsock__wrong);
ATF_TC_BODY(vsock__wrong, tc)
{
	static const struct {
		const char *answer, *message;
	} bad[] = {
		/* Nobody listens there: it closes. */
		{ "", CLOSED },
		{ "O", CLOSED },
		{ "\n", "guest agent: the VM has no way to port 1234" },
		{ "NO 1\n", "guest agent: the VM has no way to port 1234" },
		{ "ok 1\n", "guest agent: the VM has no way to port 1234" },
		{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		    CLOSED },
	};
	struct box_script script = { .replies = { BOX_SYNCED } };
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		script.vsock = bad[i].answer;
		err = (struct error){ 0 };
		ATF_CHECK_EQ_MSG(-1, ping(&script, &err), "%zu", i);
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "%zu", i);
		ATF_CHECK_STREQ(bad[i].message, err.msg);
	}
}

/* A VM that has ended has left its socket, or none. */
ATF_TC_WITHOUT_HEAD(hold__nobody);
ATF_TC_BODY(hold__nobody, tc)
{
	static const struct box_script script = { .is_silent = true };
	struct error err = { 0 };
	struct agent *a;
	struct box b;

	box_start(&b, &script);
	kill(b.pid, SIGKILL);
	waitpid(b.pid, NULL, 0);
	a = open_agent(&b);
	ATF_CHECK_EQ(-1, agent_hold(a, clock_ms() + SOON_MS, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	unlink(VM_AGENT_SOCKET);
	ATF_CHECK_EQ(-1, agent_hold(a, clock_ms() + SOON_MS, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	agent_close(a);
	vm_fini(&b.vm);
	close(b.dirfd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, call__right);
	ATF_TP_ADD_TC(tp, sync__stale);
	ATF_TP_ADD_TC(tp, sync__malformed);
	ATF_TP_ADD_TC(tp, call__malformed);
	ATF_TP_ADD_TC(tp, call__too_much);
	ATF_TP_ADD_TC(tp, call__refused);
	ATF_TP_ADD_TC(tp, hold__never_answers);
	ATF_TP_ADD_TC(tp, hold__flood);
	ATF_TP_ADD_TC(tp, call__late);
	ATF_TP_ADD_TC(tp, call__restarted);
	ATF_TP_ADD_TC(tp, hold__others);
	ATF_TP_ADD_TC(tp, open__no_channel);
	ATF_TP_ADD_TC(tp, vsock__right);
	ATF_TP_ADD_TC(tp, vsock__wrong);
	ATF_TP_ADD_TC(tp, hold__nobody);
	return atf_no_error();
}
