/* SPDX-License-Identifier: ISC */
#include "seed/cidata.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seed/yaml.h"

/* What yaml_put() writes for `value`; NULL: it refuses. */
static char *
quote(const char *value)
{
	char *text;
	size_t len;
	FILE *to;
	int rc;

	to = open_memstream(&text, &len);
	ATF_REQUIRE(to != NULL);
	rc = yaml_put(to, value);
	ATF_REQUIRE_EQ(0, fclose(to));
	if (rc == 0)
		return text;
	ATF_CHECK_EQ(0, len);
	free(text);
	return NULL;
}

ATF_TC_WITHOUT_HEAD(quote__table);
ATF_TC_BODY(quote__table, tc)
{
	static const struct {
		const char *value, *want;
	} table[] = {
		{ "", "''" },
		{ "plain", "'plain'" },
		{ "it's", "'it''s'" },
		{ "''", "''''''" },
		{ " - #: ", "' - #: '" },
		{ "\\n\"", "'\\n\"'" },
		{ "12:30:45", "'12:30:45'" },
		{ "a\tb", "\"a\\x09b\"" },
		{ "a\nb: \"c\"\\", "\"a\\x0ab: \\\"c\\\"\\\\\"" },
		{ "\x7f\x1b", "\"\\x7f\\x1b\"" },
		{ "\xc3\xbc'", "\"\\xfc'\"" },
		{ "\xc2\x85", "\"\\x85\"" }, /* a line break to YAML 1.1 */
		{ "\xe2\x80\xa8", "\"\\u2028\"" }, /* and another */
		{ "\xef\xbb\xbf", "\"\\ufeff\"" },
		{ "\xf0\x9f\x98\x80", "\"\\U0001f600\"" },
		{ "\xf4\x8f\xbf\xbf", "\"\\U0010ffff\"" },
		{ "\xff", NULL },
		{ "a\xc3", NULL },
		{ "\xc0\xaf", NULL },
		{ "\xed\xa0\x80", NULL },
		{ "\xf4\x90\x80\x80", NULL },
	};
	size_t i;
	char *got;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		got = quote(table[i].value);
		if (table[i].want == NULL)
			ATF_CHECK_MSG(got == NULL, "%s", got);
		else {
			ATF_REQUIRE_MSG(got != NULL, "%s", table[i].want);
			ATF_CHECK_STREQ(table[i].want, got);
		}
		free(got);
	}
}

/* A reader of our quoted scalars that shares nothing with the writer. */
static void
unquote(char *out, const char *text)
{
	unsigned long point;
	size_t digits;
	char hex[9];

	if (*text++ == '\'') {
		for (; *text != '\0'; text++) {
			if (text[0] == '\'' && text[1] == '\'')
				text++;
			else if (text[0] == '\'')
				break;
			*out++ = *text;
		}
	} else
		for (; *text != '"'; text++) {
			ATF_REQUIRE(*text != '\0');
			if (*text != '\\') {
				*out++ = *text;
				continue;
			}
			text++;
			digits = *text == 'x' ? 2
			    : *text == 'u'    ? 4
			    : *text == 'U'    ? 8
					      : 0;
			if (digits == 0) {
				*out++ = *text;
				continue;
			}
			memcpy(hex, text + 1, digits);
			hex[digits] = '\0';
			text += digits;
			point = strtoul(hex, NULL, 16);
			if (point < 0x80)
				*out++ = (char)point;
			else if (point < 0x800) {
				*out++ = (char)(0xc0 | point >> 6);
				*out++ = (char)(0x80 | (point & 0x3f));
			} else if (point < 0x10000) {
				*out++ = (char)(0xe0 | point >> 12);
				*out++ = (char)(0x80 | (point >> 6 & 0x3f));
				*out++ = (char)(0x80 | (point & 0x3f));
			} else {
				*out++ = (char)(0xf0 | point >> 18);
				*out++ = (char)(0x80 | (point >> 12 & 0x3f));
				*out++ = (char)(0x80 | (point >> 6 & 0x3f));
				*out++ = (char)(0x80 | (point & 0x3f));
			}
		}
	ATF_CHECK_EQ_MSG('\0', text[1], "behind the quotes: %s", text + 1);
	*out = '\0';
}

ATF_TC_WITHOUT_HEAD(quote__round_trip);
ATF_TC_BODY(quote__round_trip, tc)
{
	static const char *const bits[] = { "'", "\"", "\\", "\n", "\t", "\r",
		": ", " #", "- ", "{", "]", ",", "\x01", "\x7f", "\xc2\x85",
		"\xc2\xa0", "\xe2\x80\xa9", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"a", "x09", "u2028" };
	char value[128], back[128], *got, *p;
	unsigned state = 1, n, i;
	size_t round;

	for (round = 0; round < 20000; round++) {
		value[0] = '\0';
		n = (state >> 16) % 12;
		for (i = 0; i < n; i++) {
			state = state * 1103515245u + 12345u;
			strncat(value,
			    bits[(state >> 16) %
				(sizeof(bits) / sizeof(*bits))],
			    8);
		}
		state = state * 1103515245u + 12345u;
		got = quote(value);
		ATF_REQUIRE(got != NULL);
		for (p = got; *p != '\0'; p++)
			ATF_REQUIRE_MSG(*p >= 0x20 && *p < 0x7f, "%s", got);
		unquote(back, got);
		ATF_REQUIRE_STREQ(value, back);
		free(got);
	}
}

ATF_TC_WITHOUT_HEAD(make__id);
ATF_TC_BODY(make__id, tc)
{
	struct cidata seed = { 0 };
	struct cidata_files files, again;
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, cidata_make(&files, &seed, &err));
	ATF_CHECK_EQ(2, files.n);
	ATF_CHECK_STREQ("meta-data", files.v[0].name);
	ATF_CHECK_STREQ("user-data", files.v[1].name);
	ATF_CHECK_STREQ("#cloud-config\n{}\n", files.v[1].text);
	ATF_CHECK_EQ(0, strncmp("iid-", files.instance_id, 4));
	ATF_CHECK_EQ(20, strlen(files.instance_id));
	/* The other files are as they were; the id is the one given. */
	seed.instance_id = "x";
	ATF_REQUIRE_EQ(0, cidata_make(&again, &seed, &err));
	ATF_CHECK_STREQ("x", again.instance_id);
	ATF_CHECK_STREQ("instance-id: 'x'\n", again.v[0].text);
	ATF_CHECK_STREQ(files.v[1].text, again.v[1].text);
	cidata_files_fini(&again);
	cidata_files_fini(&files);
	cidata_files_fini(&files);
}

/* Refused, and *out is as it was. */
ATF_TC_WITHOUT_HEAD(make__refused);
ATF_TC_BODY(make__refused, tc)
{
	char key[] = "ssh-rsa AAAA \xff", *keys[] = { key, NULL };
	struct strv list = { keys, 1 };
	struct cidata seed = { .user = "u", .ssh_keys = &list };
	struct cidata_files files = { .n = 77 };
	struct error err = { 0 };

	ATF_CHECK_EQ(-1, cidata_make(&files, &seed, &err));
	ATF_CHECK_EQ(EX_USAGE, err.code);
	ATF_CHECK_STREQ("an ssh key is not valid UTF-8", err.msg);
	ATF_CHECK_EQ(77, files.n);
	seed.ssh_keys = NULL;
	seed.user_data.text = key;
	seed.user_data.len = CIDATA_TEXT_MAX + 1;
	ATF_CHECK_EQ(-1, cidata_make(&files, &seed, &err));
	ATF_CHECK_STREQ("user-data: more than 4194304 bytes", err.msg);
	ATF_CHECK_EQ(77, files.n);
}

ATF_TC_WITHOUT_HEAD(keys__table);
ATF_TC_BODY(keys__table, tc)
{
	static const struct {
		const char *text;
		size_t n; /* keys, or */
		const char *message;
	} table[] = {
		{ "", 0, NULL },
		{ "\n\n  \n\t\n", 0, NULL },
		{ "# ssh-rsa AAAA\n", 0, NULL },
		{ "ssh-rsa AAAA", 1, NULL },
		{ "ssh-rsa AAAA\nssh-rsa AAAAB\r\n", 2, NULL },
		{ "ssh-ed25519 AAAAC3 a b c", 1, NULL },
		{ "sk-ssh-ed25519@openssh.com AAAAG", 1, NULL },
		{ "sk-ecdsa-sha2-nistp256@openssh.com AAAAI", 1, NULL },
		{ "ecdsa-sha2-nistp521 AAAAE2", 1, NULL },
		{ "no-pty,command=\"x y\" ssh-rsa AAAA me", 1, NULL },
		{ "ssh-rsa", 0, "f: line 1: not a public key of ssh" },
		{ "ssh-rsa BBBB", 0, "f: line 1: not a public key of ssh" },
		{ "AAAA", 0, "f: line 1: not a public key of ssh" },
		{ "xssh-rsa AAAA", 0, "f: line 1: not a public key of ssh" },
		{ "\n---- BEGIN SSH2 PUBLIC KEY ----", 0,
		    "f: line 2: not a public key of ssh" },
		{ "ssh-rsa AAAA\x01", 0, "f: line 1: not a public key of ssh" },
		{ "ssh-rsa AAAA\rssh-rsa AAAB", 0,
		    "f: line 1: not a public key of ssh" },
	};
	char line[16400] = "ssh-rsa AAAA";
	struct strv keys = { 0 };
	struct error err;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&err, 0, sizeof(err));
		rc = cidata_add_keys(&keys, table[i].text,
		    strlen(table[i].text), "f", &err);
		ATF_CHECK_EQ_MSG(table[i].message == NULL ? 0 : -1, rc,
		    "%s: %s", table[i].text, err.msg);
		if (table[i].message == NULL)
			ATF_CHECK_EQ_MSG(table[i].n, keys.n, "%s",
			    table[i].text);
		else {
			ATF_CHECK_STREQ(table[i].message, err.msg);
			ATF_CHECK_EQ(EX_DATAERR, err.code);
		}
		strv_fini(&keys);
	}
	memset(line + 12, 'A', sizeof(line) - 12);
	ATF_CHECK_EQ(-1, cidata_add_keys(&keys, line, sizeof(line), "f", &err));
	ATF_CHECK_STREQ("f: line 1: longer than 16384 bytes", err.msg);
	ATF_CHECK_EQ(0, cidata_add_keys(&keys, line, 16384, "f", &err));
	strv_fini(&keys);
}

/* Sizes around those of a cluster, empty files, and the most there can be. */
ATF_TC_WITHOUT_HEAD(image__sizes);
ATF_TC_BODY(image__sizes, tc)
{
	static const size_t sizes[] = { 0, 1, 2047, 2048, 2049, 4096, 1000000,
		8 << 20 };
	struct cidata_files files = { .n = 2 };
	struct error err = { 0 };
	unsigned char *image;
	size_t i, j, len;
	bool found;

	files.v[0].name = "meta-data";
	files.v[0].text = strdup("x: y\n");
	files.v[0].len = 5;
	files.v[1].name = "user-data";
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		files.v[1].len = sizes[i];
		files.v[1].text = malloc(sizes[i] + 1);
		memset(files.v[1].text, 'u', sizes[i]);
		ATF_REQUIRE_EQ(0, cidata_vfat(&image, &len, &files, &err));
		ATF_CHECK(len >= 1 << 20 && len >= sizes[i] && len % 512 == 0);
		ATF_CHECK_EQ(0x55, image[510]);
		found = false;
		for (j = 0; j + sizes[i] <= len && !found; j += 512)
			found = memcmp(image + j, files.v[1].text, sizes[i]) ==
			    0;
		ATF_CHECK_MSG(found, "%zu bytes are not there", sizes[i]);
		free(image);
		ATF_REQUIRE_EQ(0, cidata_iso(&image, &len, &files, &err));
		ATF_CHECK(len >= sizes[i] && len % 2048 == 0);
		free(image);
		free(files.v[1].text);
	}
	files.v[1].text = calloc(1, 140 << 20);
	files.v[1].len = 140 << 20;
	ATF_CHECK_EQ(-1, cidata_vfat(&image, &len, &files, &err));
	ATF_CHECK_STREQ("too much for a seed on vfat", err.msg);
	cidata_files_fini(&files);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, quote__table);
	ATF_TP_ADD_TC(tp, quote__round_trip);
	ATF_TP_ADD_TC(tp, make__id);
	ATF_TP_ADD_TC(tp, make__refused);
	ATF_TP_ADD_TC(tp, keys__table);
	ATF_TP_ADD_TC(tp, image__sizes);
	return atf_no_error();
}
