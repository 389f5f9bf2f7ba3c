/* SPDX-License-Identifier: ISC */
#include "base/json.h"

#include <atf-c.h>
#include <string.h>

/* `text` with its NULs, and what is said of it; NULL: it is good. */
struct sample {
	const char *text;
	size_t len;
	const char *message;
};

#define TEXT(s) s, sizeof(s) - 1

static const struct sample parse_rows[] = {
	{ TEXT("9223372036854775807"), NULL },
	{ TEXT("9223372036854775808"),
	    "not JSON: too big integer near '9223372036854775808' at byte 19" },
	{ TEXT("-9223372036854775808"), NULL },
	{ TEXT("\"\\u0000\""), "not JSON: a NUL in a string at byte 8" },
	{ TEXT("false\0"), "not JSON: a NUL at byte 5" },
	{ TEXT("{}\0{}"), "not JSON: a NUL at byte 2" },
	{ TEXT("[1,1] 2"),
	    "not JSON: end of file expected near '2' at byte 7" },
};

ATF_TC_WITHOUT_HEAD(parse__table);
ATF_TC_BODY(parse__table, tc)
{
	const struct sample *row;
	struct error err;
	json_t *value;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(parse_rows) / sizeof(parse_rows[0]); i++) {
		row = &parse_rows[i];
		memset(&err, 0, sizeof(err));
		value = NULL;
		rc = json_parse(&value, row->text, row->len, &err);
		ATF_CHECK_EQ_MSG(row->message == NULL ? 0 : -1, rc, "%s: %s",
		    row->text, err.msg);
		if (rc == -1) {
			ATF_CHECK_STREQ(row->message, err.msg);
			ATF_CHECK_EQ(EX_DATAERR, err.code);
		}
		json_decref(value);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse__table);
	return atf_no_error();
}
