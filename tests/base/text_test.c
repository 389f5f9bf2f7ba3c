/* SPDX-License-Identifier: ISC */
/* What a terminal would obey, wherever it comes from. */
#include "base/text.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/path.h"

static const struct {
	const char *text, *clean;
} texts[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "a\nb\tc\r", "a?b?c?" },
	{ "\033[2J\033]0;x\a", "?[2J?]0;x?" },
	{ "del\177", "del?" },
	/* U+009B is ESC [, U+009D ESC ], in one character. */
	{ "\302\2332J", "?2J" },
	{ "\302\2350;x\302\234", "?0;x?" },
	{ "\302\200\302\237", "??" },
	/* U+00A0 and what follows are letters and signs; so is cut UTF-8. */
	{ "\302\240\302\251\303\233", "\302\240\302\251\303\233" },
	{ "\303\202\302", "\303\202\302" },
	{ "\342\200\213", "\342\200\213" },
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

ATF_TC_WITHOUT_HEAD(clean__table);
ATF_TC_BODY(clean__table, tc)
{
	char text[64];
	size_t i;

	for (i = 0; i < TEXTS; i++) {
		snprintf(text, sizeof(text), "%s", texts[i].text);
		text_clean(text);
		ATF_CHECK_STREQ(texts[i].clean, text);
	}
}

/* Messages have none, and neither has a name. */
ATF_TC_WITHOUT_HEAD(clean__messages_and_names);
ATF_TC_BODY(clean__messages_and_names, tc)
{
	struct error err = { 0 };
	size_t i;

	for (i = 0; i < TEXTS; i++) {
		(void)error_set(&err, EX_DATAERR, "%s", texts[i].text);
		ATF_CHECK_STREQ(texts[i].clean, err.msg);
		if (strcmp(texts[i].text, texts[i].clean) != 0)
			ATF_CHECK_MSG(!path_is_name(texts[i].text),
			    "%zu is a name", i);
	}
	ATF_CHECK(path_is_name("\302\251"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, clean__table);
	ATF_TP_ADD_TC(tp, clean__messages_and_names);
	return atf_no_error();
}
