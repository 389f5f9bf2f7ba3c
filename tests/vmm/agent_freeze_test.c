/* SPDX-License-Identifier: ISC */
/* A guest's filesystems, by an agent that is not as it should be. */
#include "vmm/host/agent_freeze.h"

#include "base/clock.h"
#include "lib/agent_box.h"

#define SOON_MS 30000 /* more than any of it takes */

typedef int ask_fn(struct agent *a, uint64_t *n, struct error *err);

static int
ask_status(struct agent *a, uint64_t *n, struct error *err)
{
	bool is_frozen = false;
	int rc = agent_is_frozen(a, &is_frozen, clock_ms() + SOON_MS, err);

	*n = is_frozen;
	return rc;
}

static int
ask_freeze(struct agent *a, uint64_t *n, struct error *err)
{
	return agent_freeze(a, n, clock_ms() + SOON_MS, err);
}

static int
ask_thaw(struct agent *a, uint64_t *n, struct error *err)
{
	return agent_thaw(a, n, clock_ms() + SOON_MS, err);
}

/* The answer to one question; the channel is let go of one that is none. */
static int
ask(ask_fn *fn, const char *reply, uint64_t *n, struct error *err)
{
	struct box_script script = { .replies = { BOX_SYNCED, reply } };
	struct agent *a = NULL;
	struct box b;
	int rc;

	*err = (struct error){ 0 };
	box_start(&b, &script);
	ATF_REQUIRE_EQ(0, agent_open(&a, &b.vm, b.dirfd, err));
	rc = fn(a, n, err);
	ATF_CHECK_EQ(rc == 0 || agent_refusal(a) != NULL, agent_is_held(a));
	agent_close(a);
	box_end(&b);
	return rc;
}

ATF_TC_WITHOUT_HEAD(ask__right);
ATF_TC_BODY(ask__right, tc)
{
	struct error err;
	uint64_t n = 7;

	ATF_CHECK_EQ(0,
	    ask(ask_status, "{\"return\": \"thawed\"}\n", &n, &err));
	ATF_CHECK_EQ(0, n);
	ATF_CHECK_EQ(0,
	    ask(ask_status, "{\"return\": \"frozen\"}\n", &n, &err));
	ATF_CHECK_EQ(1, n);
	ATF_CHECK_EQ(0, ask(ask_freeze, "{\"return\": 3}\n", &n, &err));
	ATF_CHECK_EQ(3, n);
	ATF_CHECK_EQ(0, ask(ask_freeze, "{\"return\": 0}\n", &n, &err));
	ATF_CHECK_EQ(0, n);
	ATF_CHECK_EQ(0, ask(ask_thaw, "{\"return\": 65536}\n", &n, &err));
	ATF_CHECK_EQ(65536, n);
}

ATF_TC_WITHOUT_HEAD(ask__malformed);
ATF_TC_BODY(ask__malformed, tc)
{
	static const char *const bad[] = { "{\"return\": -1}\n",
		"{\"return\": 65537}\n", "{\"return\": 1.5}\n",
		"{\"return\": \"3\"}\n", "{\"return\": null}\n",
		"{\"return\": {}}\n", "{\"return\": [3]}\n",
		"{\"return\": true}\n", "{\"return\": 1e400}\n", "{}\n", "3\n",
		"frozen\n", "{\"return\": \"froze\"}\n", "{\"return\": \"\"}\n",
		"{\"return\": \"frozen\\u0000\"}\n",
		"{\"return\": \"frozenfrozenfrozenfrozen\"}\n",
		"{\"return\": 3, \"return\": 4}\n" };
	static ask_fn *const fns[] = { ask_status, ask_freeze, ask_thaw };
	struct error err;
	uint64_t n;
	size_t i, k;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (k = 0; k < 3; k++) {
			ATF_CHECK_EQ_MSG(-1, ask(fns[k], bad[i], &n, &err),
			    "%s", bad[i]);
			ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "%s: %s",
			    bad[i], err.msg);
			ATF_CHECK_MSG(strncmp(err.msg, "guest agent: ", 13) ==
				0,
			    "%s", err.msg);
		}
}

ATF_TC_WITHOUT_HEAD(ask__refused);
ATF_TC_BODY(ask__refused, tc)
{
	struct error err;
	uint64_t n;

	ATF_CHECK_EQ(-1,
	    ask(ask_freeze,
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n",
		&n, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("guest agent: guest-fsfreeze-freeze: no", err.msg);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ask__right);
	ATF_TP_ADD_TC(tp, ask__malformed);
	ATF_TP_ADD_TC(tp, ask__refused);
	return atf_no_error();
}
