/* SPDX-License-Identifier: ISC */
/* A tool and its courier, where one of them is not what it should be. */
#include <sys/socket.h>

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/courier.h"
#include "registry/http_serve.h"

/* Answers so many errands, as it is told, then ends. */
struct play {
	size_t n;
	struct errand_answer answer;
};

static void
serve(void *arg, const struct courier_share *share, int wire)
{
	const struct play *play = arg;
	struct errand errand;
	size_t i;

	(void)share;
	for (i = 0; i < play->n; i++)
		if (recv(wire, &errand, sizeof(errand), 0) !=
			(ssize_t)sizeof(errand) ||
		    send(wire, &play->answer, sizeof(play->answer), 0) == -1)
			_exit(3);
	if (recv(wire, &errand, sizeof(errand), 0) != (ssize_t)sizeof(errand))
		_exit(3);
	_exit(7);
}

static struct courier *
start(struct play *play)
{
	const struct courier_how how = { .what = "reg/name",
		.slots_n = 2,
		.serve = serve,
		.arg = play };
	struct error err = { 0 };
	struct courier *c;

	ATF_REQUIRE_EQ_MSG(0, courier_start(&c, &how, &err), "%s", err.msg);
	return c;
}

/* Whoever has asked for several things hears of the end at each of them. */
ATF_TC_WITHOUT_HEAD(receive__ended);
ATF_TC_BODY(receive__ended, tc)
{
	const struct errand errand = { .kind = ERRAND_RANGE };
	struct play play = { .n = 0 };
	struct courier *c = start(&play);
	struct errand_answer a;
	struct error err = { 0 };
	int i;

	ATF_REQUIRE_EQ(0, courier_send(c, &errand, &err));
	ATF_CHECK_EQ(-1, courier_receive(c, &a, &err));
	ATF_CHECK_EQ(EX_OSERR, err.code);
	ATF_CHECK_STREQ("reg/name: the process that talks to it ended with "
			"status 7",
	    err.msg);
	for (i = 0; i < 2; i++) {
		ATF_CHECK_EQ(-1, courier_receive(c, &a, &err));
		ATF_CHECK_EQ(EX_OSERR, err.code);
		ATF_CHECK_STREQ("reg/name: the process that talks to it has "
				"ended",
		    err.msg);
	}
	ATF_CHECK_EQ(-1, courier_send(c, &errand, &err));
	ATF_CHECK_EQ(EX_OSERR, err.code);
	courier_end(c);
}

/* A courier is believed no more than a registry. */
ATF_TC_WITHOUT_HEAD(receive__nonsense);
ATF_TC_BODY(receive__nonsense, tc)
{
	static const struct errand_answer answers[] = {
		{ .kind = ERRAND_KINDS },
		{ .kind = ERRAND_RANGE, .number = 2 },
		{ .kind = ERRAND_END, .number = ERRAND_UPLOADS },
		{ .kind = ERRAND_GET_MANIFEST, .len = (4u << 20) + 1 },
		{ .kind = ERRAND_PING, .err = { .code = 1 } },
		{ .kind = ERRAND_PING, .err = { .code = -1 } },
	};
	const struct errand errand = { .kind = ERRAND_PING };
	struct play play = { .n = 1 };
	struct errand_answer a;
	struct error err = { 0 };
	struct courier *c;
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		play.answer = answers[i];
		c = start(&play);
		ATF_REQUIRE_EQ(0, courier_send(c, &errand, &err));
		ATF_CHECK_EQ_MSG(-1, courier_receive(c, &a, &err), "%zu", i);
		ATF_CHECK_STREQ("reg/name: the process that talks to it "
				"answered nonsense",
		    err.msg);
		courier_end(c);
	}
}

/* Nor is a tool by the courier, which has the login: it ends, by itself. */
static void
check_errand(const struct errand *errand, bool puts, size_t i)
{
	struct ref ref = { 0 };
	struct http_site site = { .ref = &ref, .plain_http = true };
	const struct courier_how how = { .what = "reg/name",
		.slots_n = 2,
		.puts = puts,
		.serve = http_serve,
		.arg = &site };
	struct errand_answer a;
	struct error err = { 0 };
	struct courier *c;

	ATF_REQUIRE_EQ_MSG(0, ref_parse(&ref, "127.0.0.1:1/name", &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ_MSG(0, courier_start(&c, &how, &err), "%s", err.msg);
	ATF_REQUIRE_EQ(0, courier_send(c, errand, &err));
	ATF_CHECK_EQ_MSG(-1, courier_receive(c, &a, &err), "%zu", i);
	ATF_CHECK_STREQ_MSG("reg/name: the process that talks to it ended with "
			    "status 0",
	    err.msg, "%zu", i);
	courier_end(c);
	ref_fini(&ref);
}

ATF_TC_WITHOUT_HEAD(serve__nonsense);
ATF_TC_BODY(serve__nonsense, tc)
{
	static const struct errand errands[] = {
		{ .kind = ERRAND_KINDS },
		{ .kind = ERRAND_RANGE, .blob.bytes = 9 },
		{ .kind = ERRAND_RANGE,
		    .number = 2,
		    .blob.bytes = 9,
		    .len = 1 },
		{ .kind = ERRAND_RANGE,
		    .number = 1u << 30,
		    .blob.bytes = 9,
		    .len = 1 },
		{ .kind = ERRAND_RANGE,
		    .blob.bytes = 1u << 30,
		    .len = ERRAND_SLOT_BYTES + 1 },
		{ .kind = ERRAND_RANGE, .blob.bytes = 9, .off = 9, .len = 1 },
		{ .kind = ERRAND_RANGE,
		    .blob.bytes = 9,
		    .off = UINT64_MAX,
		    .len = 2 },
		{ .kind = ERRAND_HAS },
		{ .kind = ERRAND_MOUNT, .text = "other" },
		{ .kind = ERRAND_GET_MANIFEST, .text = "v1?x" },
		{ .kind = ERRAND_GET_MANIFEST, .text = "v1\r\nX: y" },
		{ .kind = ERRAND_PUT_MANIFEST,
		    .text = "v1",
		    .len = (4u << 20) + 1 },
		{ .kind = ERRAND_END, .number = ERRAND_UPLOADS },
		{ .kind = ERRAND_GROWN, .number = 1u << 30 },
	};
	struct errand errand = { .kind = ERRAND_GROWN };
	size_t i;

	ATF_REQUIRE_EQ(0, setenv("HOME", "/nonexistent", 1));
	for (i = 0; i < sizeof(errands) / sizeof(errands[0]); i++)
		check_errand(&errands[i], true, i);
	check_errand(&errand, false, i); /* nothing is put */
	errand.kind = ERRAND_GET_MANIFEST;
	memset(errand.text, 'a', sizeof(errand.text)); /* without an end */
	check_errand(&errand, true, i + 1);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, receive__ended);
	ATF_TP_ADD_TC(tp, receive__nonsense);
	ATF_TP_ADD_TC(tp, serve__nonsense);
	return atf_no_error();
}
