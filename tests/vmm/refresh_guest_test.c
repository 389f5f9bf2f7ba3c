/* SPDX-License-Identifier: ISC */
/* What is said of a guest by what its agent says, and by what it does not. */
#include "vmm/refresh_guest.h"

#include <time.h>

#include "base/clock.h"
#include "lib/agent_box.h"
#include "vmm/refresh_how.h"
#include "vmm/refresh_scripts.h"

#define SOON_MS 30000 /* more than any of it takes */
#define SHORT_MS 400
#define STARTED "{\"return\": {\"pid\": 7}}\n"
#define RUNS "{\"return\": {\"exited\": false}}\n"
#define ENDED(more) "{\"return\": {\"exited\": true, " more "}}\n"
#define SAYS(base64) ENDED("\"exitcode\": 0, \"out-data\": \"" base64 "\"")
#define FAILS(base64) ENDED("\"exitcode\": 1, \"err-data\": \"" base64 "\"")
#define REFUSES                                                                \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"it will not\"}}\n"
#define THAWED "{\"return\": \"thawed\"}\n"
#define FROZEN "{\"return\": \"frozen\"}\n"
#define ONE "{\"return\": 1}\n"

#define MIXED SAYS("bWl4ZWQK")
#define RESEEDED SAYS("cmVzZWVkZWQK")
#define NEWNAME SAYS("bmV3LW5hbWUK") /* new-name */

struct trial {
	struct box_script script;
	unsigned steps;
	int64_t ms;
	bool is_default;
	enum vm_thaw thaw;
	const char *run;
	struct box b;
	struct refresh_guest g;
};

/* Asks the guest until it is over. */
static void
try(struct trial *t)
{
	int64_t deadline_ms = clock_ms() + 2 * SOON_MS;

	box_start(&t->b, &t->script);
	t->b.vm.identity.present = true;
	t->b.vm.thaw = t->thaw;
	/* Else it has ended, and there is nobody to wait for. */
	ATF_REQUIRE_EQ(0, proc_identify(&t->b.vm.proc, t->b.pid, NULL));
	t->g = (struct refresh_guest){ .vm = &t->b.vm,
		.dirfd = t->b.dirfd,
		.steps = t->steps,
		.hostname = "new-name",
		.script = t->run,
		.script_len = t->run == NULL ? 0 : strlen(t->run),
		.deadline_ms = clock_ms() + (t->ms == 0 ? SOON_MS : t->ms),
		.is_default = t->is_default };
	while (!t->g.is_over) {
		refresh_guest_look(&t->g);
		clock_nap(1);
		ATF_REQUIRE_MSG(clock_left(deadline_ms) > 0, "it does not end");
	}
}

static void
end(struct trial *t)
{
	refresh_guest_fini(&t->g);
	box_end(&t->b);
}

static void
check(const struct trial *t, enum vm_refresh step, const char *result,
    const char *why)
{
	const struct vm_refreshed *r = &t->b.vm.identity.refreshed[step];

	ATF_CHECK_STREQ(result, r->result);
	ATF_CHECK_STREQ(why, r->why);
}

struct row {
	unsigned step;
	const char *replies[BOX_REPLIES_MAX - 1];
	const char *result, *why;
	int code;
};

ATF_TC_WITHOUT_HEAD(step__each);
ATF_TC_BODY(step__each, tc)
{
	static const struct row table[] = {
		{ VM_REFRESH_RANDOM, { STARTED, MIXED }, "mixed", "", 0 },
		{ VM_REFRESH_RANDOM, { STARTED, RUNS, RUNS, RESEEDED },
		    "reseeded", "", 0 },
		{ VM_REFRESH_RANDOM, { STARTED, SAYS("") }, "failed",
		    "it does not say what it did", EX_UNAVAILABLE },
		{ VM_REFRESH_RANDOM, { STARTED, ENDED("\"exitcode\": 1") },
		    "failed", "status 1", EX_UNAVAILABLE },
		/* "no" ESC "way" newline "x" */
		{ VM_REFRESH_RANDOM, { STARTED, FAILS("bm8bd2F5Cng=") },
		    "failed", "no?way", EX_UNAVAILABLE },
		{ VM_REFRESH_RANDOM, { STARTED, ENDED("\"signal\": 9") },
		    "failed", "status 137", EX_UNAVAILABLE },
		{ VM_REFRESH_RANDOM, { STARTED, "{\"return\": {}}\n" },
		    "unconfirmed",
		    "guest agent: guest-exec-status: no member \"exited\"",
		    EX_UNAVAILABLE },
		{ VM_REFRESH_RANDOM, { "{\"return\": {\"pid\": 0}}\n" },
		    "unconfirmed",
		    "guest agent: guest-exec: \"pid\" is 0, not within 1 and "
		    "9223372036854775807",
		    EX_UNAVAILABLE },
		{ VM_REFRESH_RANDOM, { REFUSES, THAWED }, "failed",
		    "guest agent: guest-exec: it will not", EX_UNAVAILABLE },
		{ VM_REFRESH_RANDOM, { REFUSES, REFUSES }, "failed",
		    "guest agent: guest-exec: it will not", EX_UNAVAILABLE },
		/* One that was saved frozen, unsaid. */
		{ VM_REFRESH_RANDOM, { REFUSES, FROZEN, ONE, STARTED, MIXED },
		    "mixed", "", 0 },
		{ VM_REFRESH_RANDOM, { REFUSES, FROZEN, ONE, REFUSES },
		    "failed", "guest agent: guest-exec: it will not",
		    EX_UNAVAILABLE },
		{ VM_REFRESH_HOSTNAME, { STARTED, NEWNAME }, "confirmed", "",
		    0 },
		{ VM_REFRESH_HOSTNAME, { STARTED, MIXED }, "failed",
		    "it is \"mixed\" there", EX_UNAVAILABLE },
		{ VM_REFRESH_MACHINE_ID, { STARTED, NEWNAME }, "failed",
		    "it is \"new-name\" there", EX_UNAVAILABLE },
		{ VM_REFRESH_SSH_KEYS, { STARTED, ENDED("\"exitcode\": 0") },
		    "confirmed", "", 0 },
		{ VM_REFRESH_NETWORK, { STARTED, FAILS("bm8K") }, "failed",
		    "no", EX_UNAVAILABLE },
	};
	struct trial t;
	size_t i, k;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		t = (struct trial){ .steps = REFRESH_BIT(table[i].step) };
		t.script.replies[0] = BOX_SYNCED;
		for (k = 0; table[i].replies[k] != NULL; k++)
			t.script.replies[k + 1] = table[i].replies[k];
		try(&t);
		check(&t, table[i].step, table[i].result, table[i].why);
		ATF_CHECK_EQ_MSG(table[i].code, t.g.err.code, "%zu: %s", i,
		    t.g.err.msg);
		end(&t);
	}
}

/* What the guest has then is what counts. */
ATF_TC_WITHOUT_HEAD(clock__as_the_guest_has_it);
ATF_TC_BODY(clock__as_the_guest_has_it, tc)
{
	static const char done[] = ENDED("\"exitcode\": 0");
	static const char wrong[] = "{\"return\": 1000000000}\n";
	struct timespec now;
	struct trial t;
	char right[64];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(right, sizeof(right), "{\"return\": %lld000000000}\n",
	    (long long)now.tv_sec);
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_CLOCK),
		.script.replies = { BOX_SYNCED, STARTED, done, right } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "confirmed", "");
	end(&t);
	/* It came late, and is told anew. */
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_CLOCK),
		.script.replies = { BOX_SYNCED, STARTED, done, wrong, STARTED,
		    done, right } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "confirmed", "");
	end(&t);
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_CLOCK),
		.script.replies = { BOX_SYNCED, STARTED, done, wrong, STARTED,
		    done, wrong, STARTED, done, wrong, STARTED, done, wrong } };
	try(&t);
	ATF_CHECK_STREQ("failed",
	    t.b.vm.identity.refreshed[VM_REFRESH_CLOCK].result);
	ATF_CHECK_MATCH("^clock: it is off by -[0-9]+ ms$", t.g.err.msg);
	end(&t);
	/* It runs nothing, but sets the time by itself. */
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_CLOCK),
		.script.replies = { BOX_SYNCED, REFUSES, THAWED,
		    "{\"return\": {}}\n", right } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "confirmed", "");
	end(&t);
	/* It does not say what it has. */
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_CLOCK),
		.script.replies = { BOX_SYNCED, STARTED, done, REFUSES } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "unconfirmed",
	    "guest agent: guest-get-time: it will not");
	end(&t);
}

/* "clock 0 ", "random 0 mixed", "hostname 1 it is read-only", a line each */
#define SAYS_EACH                                                              \
	SAYS("Y2xvY2sgMCAKcmFuZG9tIDAgbWl4ZWQKaG9zdG5hbWUgMSBpdCBpcyByZWFk"    \
	     "LW9ubHkK")

/* By one command, and each is told by itself. */
ATF_TC_WITHOUT_HEAD(group__told_apart);
ATF_TC_BODY(group__told_apart, tc)
{
	static const char wrong[] = "{\"return\": 1000000000}\n";
	struct timespec now;
	struct trial t;
	char right[64];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(right, sizeof(right), "{\"return\": %lld000000000}\n",
	    (long long)now.tv_sec);
	t = (struct trial){ .steps = REFRESH_DEFAULT,
		.script.replies = { BOX_SYNCED, STARTED, SAYS_EACH, right } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "confirmed", "");
	check(&t, VM_REFRESH_RANDOM, "mixed", "");
	check(&t, VM_REFRESH_HOSTNAME, "failed", "it is read-only");
	ATF_CHECK_STREQ("hostname: it is read-only", t.g.err.msg);
	end(&t);
	/* The clock came late, and is told anew, alone. */
	t = (struct trial){ .steps = REFRESH_DEFAULT,
		.script.replies = { BOX_SYNCED, STARTED, SAYS_EACH, wrong,
		    STARTED, ENDED("\"exitcode\": 0"), right } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "confirmed", "");
	check(&t, VM_REFRESH_RANDOM, "mixed", "");
	end(&t);
	/* It says nothing of two of them. */
	t = (struct trial){ .steps = REFRESH_DEFAULT,
		.script.replies = { BOX_SYNCED, STARTED, NEWNAME, right } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "confirmed", "");
	check(&t, VM_REFRESH_RANDOM, "failed", "it does not say what it did");
	check(&t, VM_REFRESH_HOSTNAME, "failed", "it is \"\" there");
	end(&t);
	/* Who runs nothing is asked for each: what it can do alone is done. */
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_CLOCK) |
		    REFRESH_BIT(VM_REFRESH_RANDOM),
		.script.replies = { BOX_SYNCED, REFUSES, REFUSES, THAWED,
		    "{\"return\": {}}\n", right, REFUSES, THAWED } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "confirmed", "");
	check(&t, VM_REFRESH_RANDOM, "failed",
	    "guest agent: guest-exec: it will not");
	end(&t);
}

/* After the end of what it says nothing is known of what is left. */
ATF_TC_WITHOUT_HEAD(agent__goes);
ATF_TC_BODY(agent__goes, tc)
{
	static const char closed[] =
	    "guest agent: the VM has closed its channel";
	struct trial t;

	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_RANDOM) |
		    REFRESH_BIT(VM_REFRESH_SSH_KEYS),
		.script.replies = { BOX_SYNCED, STARTED, MIXED } };
	try(&t);
	check(&t, VM_REFRESH_RANDOM, "mixed", "");
	check(&t, VM_REFRESH_SSH_KEYS, "unconfirmed", closed);
	ATF_CHECK_EQ(EX_UNAVAILABLE, t.g.err.code);
	end(&t);
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_RANDOM),
		.script.replies = { BOX_SYNCED, STARTED } };
	try(&t);
	check(&t, VM_REFRESH_RANDOM, "unconfirmed", closed);
	end(&t);
}

ATF_TC_WITHOUT_HEAD(agent__silent);
ATF_TC_BODY(agent__silent, tc)
{
	struct trial t;

	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_RANDOM),
		.ms = SHORT_MS,
		.script = { .is_silent = true } };
	try(&t);
	check(&t, VM_REFRESH_RANDOM, "unconfirmed",
	    "guest agent: no answer from the guest");
	end(&t);
	/* A default that was not asked for is as honest. */
	t = (struct trial){ .steps = REFRESH_DEFAULT,
		.is_default = true,
		.ms = SHORT_MS,
		.script = { .is_silent = true } };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "unconfirmed",
	    "guest agent: no answer from the guest");
	check(&t, VM_REFRESH_HOSTNAME, "unconfirmed",
	    "guest agent: no answer from the guest");
	end(&t);
	/* A command that does not end. */
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_NETWORK) |
		    REFRESH_BIT(VM_REFRESH_HOSTNAME),
		.ms = SHORT_MS,
		.script.replies = { BOX_SYNCED, STARTED, NEWNAME, STARTED, RUNS,
		    RUNS, RUNS, RUNS, RUNS, RUNS, RUNS, RUNS, RUNS, RUNS,
		    RUNS } };
	try(&t);
	check(&t, VM_REFRESH_HOSTNAME, "confirmed", "");
	ATF_CHECK_STREQ("unconfirmed",
	    t.b.vm.identity.refreshed[VM_REFRESH_NETWORK].result);
	end(&t);
}

/* Where nobody listens behind a vsock there is no agent, and no word of it. */
ATF_TC_WITHOUT_HEAD(agent__none);
ATF_TC_BODY(agent__none, tc)
{
	struct trial t;

	t = (struct trial){ .steps = REFRESH_DEFAULT,
		.is_default = true,
		.script.vsock = "" };
	try(&t);
	check(&t, VM_REFRESH_CLOCK, "", "");
	check(&t, VM_REFRESH_RANDOM, "", "");
	ATF_CHECK_EQ(0, t.g.err.code);
	end(&t);
	/* Who asked for it is told. */
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_RANDOM),
		.ms = SHORT_MS,
		.script = { .vsock = "", .clients = 1000 } };
	try(&t);
	ATF_CHECK_STREQ("unconfirmed",
	    t.b.vm.identity.refreshed[VM_REFRESH_RANDOM].result);
	ATF_CHECK(t.g.err.code != 0);
	end(&t);
}

ATF_TC_WITHOUT_HEAD(thaw__first);
ATF_TC_BODY(thaw__first, tc)
{
	struct trial t;

	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_RANDOM),
		.thaw = VM_THAW_UNSURE,
		.script.replies = { BOX_SYNCED, ONE, STARTED, MIXED } };
	try(&t);
	check(&t, VM_REFRESH_THAW, "confirmed", "");
	check(&t, VM_REFRESH_RANDOM, "mixed", "");
	ATF_CHECK_EQ(VM_THAW_DONE, t.b.vm.thaw);
	ATF_CHECK(!t.g.is_frozen);
	end(&t);
	/* Nothing else is asked of one that does not thaw. */
	t = (struct trial){ .steps = REFRESH_BIT(VM_REFRESH_RANDOM),
		.thaw = VM_THAW_UNSURE,
		.script.replies = { BOX_SYNCED, REFUSES } };
	try(&t);
	check(&t, VM_REFRESH_THAW, "unconfirmed",
	    "guest agent: guest-fsfreeze-thaw: it will not");
	ATF_CHECK_STREQ("unconfirmed",
	    t.b.vm.identity.refreshed[VM_REFRESH_RANDOM].result);
	ATF_CHECK_EQ(VM_THAW_UNSURE, t.b.vm.thaw);
	ATF_CHECK(t.g.is_frozen);
	ATF_CHECK_STREQ("it runs, but its filesystems are not known to be "
			"thawed: guest agent: guest-fsfreeze-thaw: it will not",
	    t.g.err.msg);
	end(&t);
}

ATF_TC_WITHOUT_HEAD(run__script);
ATF_TC_BODY(run__script, tc)
{
	struct trial t;

	t = (struct trial){ .run = "#!/bin/sh\n",
		.script.replies = { BOX_SYNCED, STARTED, RUNS, MIXED } };
	try(&t);
	ATF_CHECK(t.g.end.has_ended);
	ATF_CHECK_EQ(0, t.g.end.status);
	ATF_CHECK_EQ(6, t.g.end.out_len);
	ATF_CHECK_EQ(0, t.g.err.code);
	end(&t);
	t = (struct trial){ .run = "#!/bin/sh\n",
		.script.replies = { BOX_SYNCED, STARTED,
		    ENDED("\"exitcode\": 3") } };
	try(&t);
	ATF_CHECK_EQ(3, t.g.end.status);
	ATF_CHECK_STREQ("--run: status 3", t.g.err.msg);
	ATF_CHECK_EQ(EX_UNAVAILABLE, t.g.err.code);
	end(&t);
	t = (struct trial){ .run = "#!/bin/sh\n",
		.script.replies = { BOX_SYNCED, REFUSES, THAWED } };
	try(&t);
	ATF_CHECK(!t.g.end.has_ended);
	ATF_CHECK_STREQ("--run: guest agent: guest-exec: it will not",
	    t.g.err.msg);
	end(&t);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, step__each);
	ATF_TP_ADD_TC(tp, clock__as_the_guest_has_it);
	ATF_TP_ADD_TC(tp, agent__goes);
	ATF_TP_ADD_TC(tp, agent__silent);
	ATF_TP_ADD_TC(tp, agent__none);
	ATF_TP_ADD_TC(tp, thaw__first);
	ATF_TP_ADD_TC(tp, group__told_apart);
	ATF_TP_ADD_TC(tp, run__script);
	return atf_no_error();
}
