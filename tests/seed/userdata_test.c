/* SPDX-License-Identifier: ISC */
#include "seed/userdata.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#define REST                                                                   \
	"cloud-init will ignore the file: its first line is to begin "         \
	"with #cloud-config, #! or the like"

ATF_TC_WITHOUT_HEAD(doubt__none);
ATF_TC_BODY(doubt__none, tc)
{
	static const char *const good[] = { "", "\n \t\r\n", "#cloud-config",
		"#cloud-config\nusers: []\n", "#cloud-config \nusers: []\n",
		"#Cloud-Config\n", "\n\n  #cloud-config\n", "\x1c#cloud-config",
		"#cloud-config-archive\n", "#cloud-config-jsonp\n",
		"#cloud-configs\n", "#!/bin/sh\n", "#include\nhttp://x\n",
		"#include-once\n", "#cloud-boothook\n", "#part-handler\n",
		"## template: jinja\n#cloud-config\n",
		"Content-Type: multipart/mixed\nMIME-Version: 1.0\n\n",
		"users: []\n# mime-version: 1\n", "\x1f\x8b\x08" };
	char out[USERDATA_DOUBT_MAX];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ATF_CHECK_MSG(!userdata_doubt(out, good[i], strlen(good[i])),
		    "%zu: %s", i, good[i]);
}

ATF_TC_WITHOUT_HEAD(doubt__told);
ATF_TC_BODY(doubt__told, tc)
{
	static const struct {
		const char *text, *message;
	} table[] = {
		{ "---\n#cloud-config\n", "line 1: \"---\": " REST },
		{ "users: []\n", "line 1: \"users: []\": " REST },
		{ "\n \n# cloud-config\n",
		    "line 3: \"# cloud-config\": " REST },
		{ "#\n#cloud-config\n", "line 1: \"#\": " REST },
		{ "#cloudconfig\r\n", "line 1: \"#cloudconfig\": " REST },
		{ "#cloud config", "line 1: \"#cloud config\": " REST },
		{ "# Mine\n#cloud-config\n", "line 1: \"# Mine\": " REST },
		{ "##template: jinja\n",
		    "line 1: \"##template: jinja\": " REST },
		{ "\033[2Jx", "line 1: \"?[2Jx\": " REST },
		{ "0123456789012345678901234567890123456789012",
		    "line 1: \"0123456789012345678901234567890123456789\": " REST },
		{ "\n\xef\xbb\xbf#cloud-config\n",
		    "line 2: begins with a byte order mark: cloud-init will "
		    "ignore the file" },
	};
	char out[USERDATA_DOUBT_MAX];
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		out[0] = '\0';
		ATF_CHECK(
		    userdata_doubt(out, table[i].text, strlen(table[i].text)));
		ATF_CHECK_STREQ(table[i].message, out);
	}
}

/* A MIME header counts where cloud-init looks for it. */
ATF_TC_WITHOUT_HEAD(doubt__mime_too_late);
ATF_TC_BODY(doubt__mime_too_late, tc)
{
	char text[5000], out[USERDATA_DOUBT_MAX];
	const size_t len = sizeof("mime-version:") - 1;

	memset(text, 'x', sizeof(text));
	memcpy(text + 4096 - len, "MIME-version:", len);
	ATF_CHECK(!userdata_doubt(out, text, sizeof(text)));
	memset(text, 'x', sizeof(text));
	memcpy(text + 4097 - len, "MIME-version:", len);
	ATF_CHECK(userdata_doubt(out, text, sizeof(text)));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, doubt__none);
	ATF_TP_ADD_TC(tp, doubt__told);
	ATF_TP_ADD_TC(tp, doubt__mime_too_late);
	return atf_no_error();
}
