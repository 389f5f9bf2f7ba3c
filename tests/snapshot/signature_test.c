/* SPDX-License-Identifier: ISC */
#include "snapshot/signature.h"

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "snapshot/signed_part.h"

#define ED25519 "SHA256:AXR82LEFb80585ZOzFoqgWLaziZFI70d5KF0tlZUrEQ"
#define ECDSA "SHA256:sstmPvdDEK1Ff476Xo1gFVYHYstgF2WGN8AVPQVMUOM"
#define RSA "SHA256:N3LUVWglunV42nUbL4v6AThyQQTkeXGni3xMyKYvQD8"

/* What the good file of that name has; the caller frees it. */
static char *
good(size_t *len, const atf_tc_t *tc, const char *name)
{
	char path[4096], *text;
	struct error err = { 0 };
	int fd;

	snprintf(path, sizeof(path), "%s/../data/good/signature",
	    atf_tc_get_config_var(tc, "srcdir"));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ_MSG(0,
	    fd_slurp(&text, len, fd, name, SIGNATURE_BYTES_MAX, &err), "%s",
	    err.msg);
	close(fd);
	return text;
}

/* Fingerprints as ssh-keygen -l has told them. */
ATF_TC_WITHOUT_HEAD(decode__by_ssh_keygen);
ATF_TC_BODY(decode__by_ssh_keygen, tc)
{
	static const struct {
		const char *name, *type, *key, *space;
	} rows[] = {
		{ "ed25519", "ssh-ed25519", ED25519, SIGNATURE_NAMESPACE },
		{ "ecdsa", "ecdsa-sha2-nistp256", ECDSA, SIGNATURE_NAMESPACE },
		{ "rsa", "ssh-rsa", RSA, SIGNATURE_NAMESPACE },
		{ "ecdsa-cert", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
		    ECDSA, SIGNATURE_NAMESPACE },
		{ "other-namespace", "ssh-ed25519", ED25519, "file" },
	};
	struct signature_list list;
	struct error err = { 0 };
	size_t i, len;
	char *text;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text = good(&len, tc, rows[i].name);
		ATF_REQUIRE_EQ_MSG(0,
		    signature_list_decode(&list, text, len, &err), "%s: %s",
		    rows[i].name, err.msg);
		ATF_REQUIRE_EQ(1, list.n);
		ATF_CHECK_STREQ(rows[i].type, list.v[0].type);
		ATF_CHECK_STREQ(rows[i].key, list.v[0].key);
		ATF_CHECK_STREQ(rows[i].space, list.v[0].space);
		ATF_CHECK_STREQ(text, list.v[0].text);
		signature_list_fini(&list);
		free(text);
	}
}

/* Wherever it ends, it is none, and nothing is kept of it. */
ATF_TC_WITHOUT_HEAD(decode__cut_anywhere);
ATF_TC_BODY(decode__cut_anywhere, tc)
{
	struct signature_list list = { .n = 0 };
	struct error err = { 0 };
	size_t len, first, n;
	char *text = good(&len, tc, "two");

	ATF_REQUIRE_EQ(0, signature_list_decode(&list, text, len, &err));
	ATF_REQUIRE_EQ(2, list.n);
	first = list.v[0].len;
	signature_list_fini(&list);
	for (n = 0; n < len; n++) {
		if (n == first)
			continue;
		ATF_CHECK_EQ_MSG(-1,
		    signature_list_decode(&list, text, n, &err), "%zu", n);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_EQ(0, list.n);
	}
	free(text);
}

ATF_TC_WITHOUT_HEAD(list__joined_and_dropped);
ATF_TC_BODY(list__joined_and_dropped, tc)
{
	struct signature_list all = { .n = 0 }, one = { .n = 0 };
	struct error err = { 0 };
	size_t len;
	char *text = good(&len, tc, "two");

	ATF_REQUIRE_EQ(0, signature_list_decode(&all, text, len, &err));
	free(text);
	/* The same key, whatever it has signed, has its place. */
	text = good(&len, tc, "other-namespace");
	ATF_REQUIRE_EQ(0, signature_list_decode(&one, text, len, &err));
	ATF_REQUIRE_EQ(0, signature_list_join(&all, &one, &err));
	ATF_CHECK_EQ(2, all.n);
	ATF_CHECK_STREQ(text, all.v[0].text);
	ATF_CHECK_STREQ(ECDSA, all.v[1].key);
	free(text);
	text = good(&len, tc, "rsa");
	ATF_REQUIRE_EQ(0, signature_list_decode(&one, text, len, &err));
	ATF_REQUIRE_EQ(0, signature_list_join(&all, &one, &err));
	ATF_CHECK_EQ(3, all.n);
	ATF_CHECK_EQ(0, one.n);
	ATF_CHECK_EQ(1, signature_list_drop(&all, ED25519));
	ATF_CHECK_EQ(0, signature_list_drop(&all, ED25519));
	ATF_CHECK_STREQ(ECDSA, all.v[0].key);
	ATF_REQUIRE_EQ_MSG(0, signature_list_write(AT_FDCWD, &all, &err), "%s",
	    err.msg);
	signature_list_fini(&all);
	ATF_REQUIRE_EQ(0, signature_list_read(&all, AT_FDCWD, &err));
	ATF_CHECK_EQ(2, all.n);
	ATF_CHECK_STREQ(text, all.v[1].text);
	free(text);
	signature_list_fini(&all);
}

#define D64 "0000000000000000000000000000000000000000000000000000000000000000"
#define DIGEST(size) "{\"size\":" size ",\"fsverity\":\"sha256:" D64 "\"}"
#define WITH(members) "{\"version\":1,\"config\":{}" members "}"

static int
part_of(char **text, const char *json, struct error *err)
{
	struct envelope e;
	size_t len;
	int rc;

	ATF_REQUIRE_EQ_MSG(0, envelope_decode(&e, json, strlen(json), err),
	    "%s", err->msg);
	rc = signed_part(text, &len, &e, err);
	envelope_fini(&e);
	if (rc == 0)
		ATF_CHECK_EQ(strlen(*text), len);
	return rc;
}

/* As instar-snapshot(5) has it, to the byte. */
ATF_TC_WITHOUT_HEAD(part__canonical);
ATF_TC_BODY(part__canonical, tc)
{
	static const char json[] =
	    "{\"version\":1,\"zeta\":[1,true,\"\\u00e4\\/\\\"\"],\"config\":{"
	    "\"id\":\"x\",\"name\":\"n\",\"description\":\"d\",\"memory\":4096,"
	    "\"cpu\":2},\"files\":[\"b\",\"snapshot.sig\",\"a\","
	    "\"working-set\",\"layer-" D64 "\"],\"digests\":{\"a\":" DIGEST(
		"1") ",\"layer-" D64
		     "\":" DIGEST("3") ",\"snapshot.sig\":" DIGEST("4") ",\"b\":" DIGEST(
			 "2") "},\"layers\":{\"l\":" DIGEST("3") "},"
								 "\"host\":{\"vmm\":\"qemu\"},\"trailer\":true,"
								 "\"created_at\":\"2026-11-21T08:00:00Z\"}";
	static const char want[] =
	    "instar-snapshot@v1\n"
	    "{\"config\":{\"cpu\":2,\"memory\":4096},\"digests\":{\"a\":{"
	    "\"fsverity\":\"sha256:" D64 "\",\"size\":1},\"b\":{\"fsverity\":"
	    "\"sha256:" D64 "\",\"size\":2}},\"host\":{\"vmm\":\"qemu\"},"
	    "\"layers\":{\"l\":{\"fsverity\":\"sha256:" D64 "\",\"size\":3}},"
	    "\"version\":1,\"zeta\":[1,true,\"\303\244/\\\"\"]}\n";
	struct error err = { 0 };
	char *text;

	ATF_REQUIRE_EQ_MSG(0, part_of(&text, json, &err), "%s", err.msg);
	ATF_CHECK_STREQ(want, text);
	free(text);
}

ATF_TC_WITHOUT_HEAD(part__there_is_none);
ATF_TC_BODY(part__there_is_none, tc)
{
	static const struct {
		const char *json, *why;
	} rows[] = {
		{ WITH(""), "snapshot.json: names no files" },
		{ WITH(",\"files\":[]"), "snapshot.json: names no files" },
		{ WITH(",\"files\":[\"snapshot.sig\",\"working-set\"]"),
		    "snapshot.json: names no files" },
		{ WITH(",\"files\":[\"a\"]"),
		    "snapshot.json: a: has no digest" },
	};
	struct error err = { 0 };
	char *text;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_EQ(-1, part_of(&text, rows[i].json, &err));
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		ATF_CHECK_STREQ(rows[i].why, err.msg);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__by_ssh_keygen);
	ATF_TP_ADD_TC(tp, decode__cut_anywhere);
	ATF_TP_ADD_TC(tp, list__joined_and_dropped);
	ATF_TP_ADD_TC(tp, part__canonical);
	ATF_TP_ADD_TC(tp, part__there_is_none);
	return atf_no_error();
}
