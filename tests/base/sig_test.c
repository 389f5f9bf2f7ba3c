/* SPDX-License-Identifier: ISC */
#include "base/sig.h"

#include <atf-c.h>
#include <signal.h>

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void
dispose_all(void (*how)(int))
{
	size_t i;

	for (i = 0; i < NUMBERS; i++)
		ATF_REQUIRE(signal(numbers[i], how) != SIG_ERR);
}

ATF_TC_WITHOUT_HEAD(setup__notes_each);
ATF_TC_BODY(setup__notes_each, tc)
{
	struct error err = { 0 };
	size_t i;

	dispose_all(SIG_DFL);
	sig_setup();
	ATF_CHECK_EQ(0, sig_check(&err));
	for (i = 0; i < NUMBERS; i++) {
		ATF_REQUIRE_EQ(0, raise(numbers[i]));
		ATF_CHECK_EQ(-1, sig_check(&err));
		ATF_CHECK_EQ(128 + numbers[i], err.code);
	}
}

ATF_TC_WITHOUT_HEAD(take__forgets_it);
ATF_TC_BODY(take__forgets_it, tc)
{
	dispose_all(SIG_DFL);
	sig_setup();
	ATF_CHECK_EQ(0, sig_take());
	ATF_REQUIRE_EQ(0, raise(SIGTERM));
	ATF_CHECK_EQ(SIGTERM, sig_take());
	ATF_CHECK_EQ(0, sig_take());
	ATF_CHECK_EQ(0, sig_check(NULL));
	ATF_REQUIRE_EQ(0, raise(SIGINT));
	ATF_CHECK_EQ(-1, sig_check(NULL));
}

ATF_TC_WITHOUT_HEAD(setup__ignored_stays);
ATF_TC_BODY(setup__ignored_stays, tc)
{
	struct error err = { 0 };
	size_t i;

	dispose_all(SIG_DFL);
	ATF_REQUIRE(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	sig_setup();
	ATF_REQUIRE_EQ(0, raise(SIGHUP));
	ATF_CHECK_EQ(0, sig_check(&err));
	/* The others are caught all the same. */
	ATF_REQUIRE_EQ(0, raise(SIGTERM));
	ATF_CHECK_EQ(-1, sig_check(&err));
	ATF_CHECK_EQ(128 + SIGTERM, err.code);

	dispose_all(SIG_IGN);
	sig_shield();
	sig_setup();
	for (i = 0; i < NUMBERS; i++) {
		ATF_REQUIRE_EQ(0, raise(numbers[i]));
		ATF_CHECK_EQ(0, sig_check(&err));
	}
}

ATF_TC_WITHOUT_HEAD(shield__forgets);
ATF_TC_BODY(shield__forgets, tc)
{
	struct error err = { 0 };

	dispose_all(SIG_DFL);
	sig_setup();
	ATF_REQUIRE_EQ(0, raise(SIGINT));
	sig_shield();
	ATF_CHECK_EQ(0, sig_check(&err));
	ATF_REQUIRE_EQ(0, raise(SIGINT));
	ATF_CHECK_EQ(0, sig_check(&err));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, setup__notes_each);
	ATF_TP_ADD_TC(tp, setup__ignored_stays);
	ATF_TP_ADD_TC(tp, take__forgets_it);
	ATF_TP_ADD_TC(tp, shield__forgets);
	return atf_no_error();
}
