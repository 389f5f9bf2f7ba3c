/* SPDX-License-Identifier: ISC */
#include "registry/ref.h"

#include <atf-c.h>
#include <string.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

ATF_TC_WITHOUT_HEAD(parse__good);
ATF_TC_BODY(parse__good, tc)
{
	static const struct {
		const char *text;
		enum ref_kind kind;
		const char *place, *name, *tag;
		bool has_digest;
	} good[] = {
		{ "h/n", REF_HOST, "h", "n", "", false },
		{ "h:5000/n:v3", REF_HOST, "h:5000", "n", "v3", false },
		{ "registry.example/a/b-c/d__e.f:V_1.2-x", REF_HOST,
		    "registry.example", "a/b-c/d__e.f", "V_1.2-x", false },
		{ "[::1]:5000/n:t@sha256:" HEX, REF_HOST, "[::1]:5000", "n",
		    "t", true },
		{ "h/n@sha256:" HEX, REF_HOST, "h", "n", "", true },
		{ "oci-layout:d", REF_LAYOUT, "d", NULL, "", false },
		{ "oci-layout:/a/b:t", REF_LAYOUT, "/a/b", NULL, "t", false },
		{ "oci-layout:a:b/", REF_LAYOUT, "a:b/", NULL, "", false },
		{ "oci-layout:a:b:t", REF_LAYOUT, "a:b", NULL, "t", false },
		{ "oci-layout:a b@c:t", REF_LAYOUT, "a b@c", NULL, "t", false },
		{ "oci-layout:d:t@sha256:" HEX, REF_LAYOUT, "d", NULL, "t",
		    true },
		{ "oci-layout:d@sha256:" HEX, REF_LAYOUT, "d", NULL, "", true },
	};
	struct error err = { 0 };
	struct ref ref;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ATF_REQUIRE_EQ_MSG(0, ref_parse(&ref, good[i].text, &err), "%s",
		    err.msg);
		ATF_CHECK_EQ(good[i].kind, ref.kind);
		ATF_CHECK_STREQ(good[i].place, ref.place);
		ATF_CHECK((good[i].name == NULL) == (ref.name == NULL));
		if (ref.name != NULL)
			ATF_CHECK_STREQ(good[i].name, ref.name);
		ATF_CHECK_STREQ(good[i].tag, ref.tag);
		ATF_CHECK_EQ(good[i].has_digest, ref.has_digest);
		ref_fini(&ref);
	}
}

ATF_TC_WITHOUT_HEAD(parse__bad);
ATF_TC_BODY(parse__bad, tc)
{
	static const char *const bad[] = { "", "golden", "golden:v3", "/n",
		"h/", "h//n", "h/n/", "h/N", "h/n_", "h/-n", "h/a..b",
		"h/a___b", "h/a_.b", "h/n:", "h/n:.t", "h/n:-t", "h/n:a b",
		"h/n:a:b", "h/n:t/u", "h:0/n", "h:65536/n", "h:/n", "h:x/n",
		"-h/n", ".h/n", "h h/n", "http://h/n", "[::1/n", "[]/n",
		"u:p@h/n", "h/n@sha256:" HEX "0", "h/n@sha256:ABC",
		"h/n@sha512:" HEX, "h/n@" HEX, "oci-layout:", "oci-layout::t",
		"oci-layout:@sha256:" HEX, "oci-layout:d@sha256:0", "h/\n" };
	struct error err;
	struct ref ref;
	char text[5000];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1, ref_parse(&ref, bad[i], &err), "%s",
		    bad[i]);
		ATF_CHECK_EQ_MSG(EX_USAGE, err.code, "%s", bad[i]);
	}
	memset(text, 'a', sizeof(text));
	memcpy(text, "h/n:", 4);
	text[4 + REF_TAG_MAX] = '\0';
	ATF_REQUIRE_EQ(0, ref_parse(&ref, text, &err));
	ATF_CHECK_EQ(REF_TAG_MAX, strlen(ref.tag));
	ref_fini(&ref);
	text[4 + REF_TAG_MAX] = 'a';
	text[5 + REF_TAG_MAX] = '\0';
	ATF_CHECK_EQ(-1, ref_parse(&ref, text, &err));
	memset(text, 'a', sizeof(text));
	text[1] = '/';
	text[2 + REF_NAME_MAX] = '\0';
	ATF_REQUIRE_EQ(0, ref_parse(&ref, text, &err));
	ref_fini(&ref);
	text[2 + REF_NAME_MAX] = 'a';
	text[3 + REF_NAME_MAX] = '\0';
	ATF_CHECK_EQ(-1, ref_parse(&ref, text, &err));
	memset(text, 'a', sizeof(text));
	memcpy(text, "oci-layout:", 11);
	text[sizeof(text) - 1] = '\0';
	ATF_CHECK_EQ(-1, ref_parse(&ref, text, &err));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse__good);
	ATF_TP_ADD_TC(tp, parse__bad);
	return atf_no_error();
}
