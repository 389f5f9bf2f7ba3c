/* SPDX-License-Identifier: ISC */
#include "snapshot/envelope.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"
#define DIGEST "{\"size\":0,\"fsverity\":\"sha256:" HEX "\"}"
#define WITH(rest) "{\"version\":1,\"config\":{\"name\":\"a\"}" rest "}"
#define CONFIG(rest) "{\"version\":1,\"config\":{" rest "}}"

struct sample {
	const char *text;
	const char *message; /* behind "snapshot.json: "; NULL: it is good */
};

static void
try_all(const struct sample *table, size_t n)
{
	struct envelope e;
	struct error err;
	char message[ERROR_MSG_MAX];
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		memset(&err, 0, sizeof(err));
		rc = envelope_decode(&e, table[i].text, strlen(table[i].text),
		    &err);
		if (table[i].message == NULL) {
			ATF_CHECK_EQ_MSG(0, rc, "%s: %s", table[i].text,
			    err.msg);
			if (rc == 0)
				envelope_fini(&e);
			continue;
		}
		ATF_CHECK_EQ_MSG(-1, rc, "%s: taken", table[i].text);
		snprintf(message, sizeof(message), "snapshot.json: %s",
		    table[i].message);
		ATF_CHECK_STREQ(message, err.msg);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
	}
}

static const struct sample decode_rows[] = {
	{ WITH(""), NULL },
	{ CONFIG(""), NULL },
	{ CONFIG("\"name\":\"\""), NULL },
	{ "",
	    "not JSON: unexpected token near end of file at "
	    "byte 0" },
	{ "[]", "not an object" },
	{ "{}", "version 0, not 1" },
	{ "{\"version\":2,\"config\":{}}", "version 2, not 1" },
	{ "{\"version\":-1,\"config\":{}}", "version -1, not 1" },
	{ "{\"version\":\"1\",\"config\":{}}",
	    "\"version\" is not an integer" },
	{ "{\"version\":1.0,\"config\":{}}", "\"version\" is not an integer" },
	{ "{\"version\":1}", "no member \"config\"" },
	{ "{\"version\":1,\"config\":[]}", "\"config\" is not an object" },
	{ CONFIG("\"name\":7"), "\"name\" is not a string" },
	{ CONFIG("\"name\":null"), "\"name\" is not a string" },
	{ CONFIG("\"name\":\"../x\""),
	    "\"name\" is \"../x\", which is not a name" },
	{ CONFIG("\"name\":\".a\""),
	    "\"name\" is \".a\", which is not a name" },
	{ CONFIG("\"name\":\"a b\""),
	    "\"name\" is \"a b\", which is not a name" },
	{ CONFIG("\"id\":\"a\\u001b[31m\""),
	    "\"id\" holds a control character" },
	{ CONFIG("\"cpu\":-1"), "\"cpu\" is -1, not within 0 and 4096" },
	{ CONFIG("\"cpu\":2.5"), "\"cpu\" is not an integer" },
	{ CONFIG("\"nics\":257"), "\"nics\" is 257, not within 0 and 256" },
	{ CONFIG("\"memory\":8796093022208"), NULL },
	{ CONFIG("\"memory\":8796093022209"),
	    "\"memory\" is 8796093022209, not within 0 and "
	    "8796093022208" },
	{ CONFIG("\"storage\":9223372036854775807"),
	    "\"storage\" is 9223372036854775807, not within 0 and "
	    "8796093022208" },
	{ CONFIG("\"storage\":-9223372036854775808"),
	    "\"storage\" is -9223372036854775808, not within 0 and "
	    "8796093022208" },
	{ CONFIG("\"hypervisor\":true"), "\"hypervisor\" is not a string" },
	{ WITH(",\"files\":[]"), NULL },
	{ WITH(",\"files\":null"), NULL },
	{ WITH(",\"files\":{}"), "\"files\" is not an array" },
	{ WITH(",\"files\":[7]"), "\"files\" holds what is no string" },
	{ WITH(",\"files\":[\"a/b\"]"),
	    "\"files\" names \"a/b\", which no file may have" },
	{ WITH(",\"files\":[\"..\"]"),
	    "\"files\" names \"..\", which no file may have" },
	{ WITH(",\"files\":[\"\"]"),
	    "\"files\" names \"\", which no file may have" },
	{ WITH(",\"files\":[\"snapshot.json\"]"),
	    "\"files\" names \"snapshot.json\", which no file may "
	    "have" },
	{ WITH(",\"files\":[\"snapshot.digests\"]"),
	    "\"files\" names \"snapshot.digests\", which no file may "
	    "have" },
	{ WITH(",\"files\":[\"b\",\"a\",\"b\"]"), "\"files\" names b twice" },
	{ WITH(",\"files\":[\"a\"],\"digests\":{\"a\":" DIGEST "}"), NULL },
	{ WITH(",\"digests\":{\"a\":" DIGEST "}"),
	    "\"digests\" has what \"files\" does not name" },
	{ WITH(",\"files\":[\"a\"],\"digests\":{\"b\":" DIGEST "}"),
	    "\"digests\" has what \"files\" does not name" },
	{ WITH(",\"files\":[\"a\"],\"digests\":{\"a\":7}"),
	    "\"digests\": a: not an object" },
	{ WITH(",\"files\":[\"a\"],\"digests\":{\"a\":{\"size\":1}}"),
	    "\"digests\": a: no member \"fsverity\"" },
	{ WITH(",\"layers\":{\"l\":" DIGEST "}"), NULL },
	{ WITH(",\"layers\":{\"../l\":" DIGEST "}"),
	    "\"layers\": ../l: not a file name" },
	{ WITH(",\"files\":[\"l\"],\"layers\":{\"l\":" DIGEST "}"),
	    "\"layers\": l: is among \"files\", too" },
	{ WITH(",\"layers\":{\"l\":{\"size\":8796093022209,"
	       "\"fsverity\":\"sha256:" HEX "\"}}"),
	    "\"layers\": l: \"size\" is 8796093022209, not within 0 "
	    "and 8796093022208" },
	{ WITH(",\"host\":{\"vmm\":1}"), "\"host\": \"vmm\" is not a string" },
	{ WITH(",\"host\":{\"cpu_flags\":[1]}"),
	    "\"host\": \"cpu_flags\" holds what is no flag" },
	{ WITH(",\"created_at\":\"2026-11-21T08:00:00Z\""), NULL },
	{ WITH(",\"created_at\":\"2026-11-21T08:00:00.1+01:00\""), NULL },
	{ WITH(",\"created_at\":\"yesterday\""),
	    "\"created_at\" is \"yesterday\", which is not a time" },
	{ WITH(",\"created_at\":\"2026-11-21T08:00:00\""),
	    "\"created_at\" is \"2026-11-21T08:00:00\", which is not "
	    "a time" },
	{ WITH(",\"created_at\":\"2026-11-21T08:00:00.Z\""),
	    "\"created_at\" is \"2026-11-21T08:00:00.Z\", which is "
	    "not a time" },
	{ WITH(",\"consistent\":\"crash\""), NULL },
	{ WITH(",\"consistent\":\"filesystem\""), NULL },
	{ WITH(",\"consistent\":\"orderly\""),
	    "\"consistent\" is \"orderly\", neither crash nor filesystem" },
	{ WITH(",\"consistent\":true"), "\"consistent\" is not a string" },
	{ WITH(",\"trailer\":1"), "\"trailer\" is not true or false" },
};

ATF_TC_WITHOUT_HEAD(decode__table);
ATF_TC_BODY(decode__table, tc)
{

	try_all(decode_rows, sizeof(decode_rows) / sizeof(decode_rows[0]));
}

ATF_TC_WITHOUT_HEAD(decode__not_json);
ATF_TC_BODY(decode__not_json, tc)
{
	static const char *const texts[] = { "{", WITH("") "x", "\xff",
		"{\"version\":1,\"version\":1,\"config\":{}}",
		CONFIG("\"name\":\"\xff\""), CONFIG("\"name\":\"a\\u0000\""),
		CONFIG("\"cpu\":99999999999999999999") };
	struct envelope e;
	struct error err;
	char *deep;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ATF_CHECK_EQ_MSG(-1,
		    envelope_decode(&e, texts[i], strlen(texts[i]), &err), "%s",
		    texts[i]);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
	}
	deep = malloc(100000);
	ATF_REQUIRE(deep != NULL);
	memset(deep, '[', 100000);
	ATF_CHECK_EQ(-1, envelope_decode(&e, deep, 100000, &err));
	ATF_CHECK_STREQ("snapshot.json: JSON nested deeper than 64 levels",
	    err.msg);
	free(deep);
	ATF_CHECK_EQ(-1,
	    envelope_decode(&e, "", (size_t)ENVELOPE_BYTES_MAX + 1, &err));
	ATF_CHECK_STREQ("snapshot.json: 1048577 bytes, more than 1048576",
	    err.msg);
}

static const char golden[] = "{\n"
			     "  \"version\": 1,\n"
			     "  \"config\": {\n"
			     "    \"id\": \"ALWC2GQGJXCDU2ZVDF2Y25RH5W\",\n"
			     "    \"name\": \"golden\",\n"
			     "    \"description\": \"two\\nlines\",\n"
			     "    \"hypervisor\": \"qemu\",\n"
			     "    \"nics\": 1,\n"
			     "    \"cpu\": 2,\n"
			     "    \"memory\": 134217728,\n"
			     "    \"storage\": 1073741824,\n"
			     "    \"image\": \"ubuntu:24.04\",\n"
			     "    \"image_type\": \"oci\",\n"
			     "    \"image_blob_ids\": {\n"
			     "      \"8d66\": {}\n"
			     "    }\n"
			     "  },\n"
			     "  \"files\": [\n"
			     "    \"memory.raw\",\n"
			     "    \"cow.raw\"\n"
			     "  ],\n"
			     "  \"digests\": {\n"
			     "    \"cow.raw\": {\n"
			     "      \"size\": 4096,\n"
			     "      \"fsverity\": \"sha256:" HEX "\"\n"
			     "    }\n"
			     "  },\n"
			     "  \"layers\": {\n"
			     "    \"layer0\": {\n"
			     "      \"size\": 0,\n"
			     "      \"fsverity\": \"sha256:" HEX "\",\n"
			     "      \"path\": \"/srv/layer0.erofs\"\n"
			     "    }\n"
			     "  },\n"
			     "  \"host\": {\n"
			     "    \"vmm\": \"qemu\",\n"
			     "    \"version\": \"7.2.22\",\n"
			     "    \"cpu_flags\": [\n"
			     "      \"avx\"\n"
			     "    ],\n"
			     "    \"arch\": \"x86_64\"\n"
			     "  },\n"
			     "  \"created_at\": \"2026-11-21T08:00:00Z\",\n"
			     "  \"consistent\": \"filesystem\",\n"
			     "  \"trailer\": true,\n"
			     "  \"theirs\": {\n"
			     "    \"b\": 1.5,\n"
			     "    \"a\": null\n"
			     "  }\n"
			     "}\n";

ATF_TC_WITHOUT_HEAD(encode__golden);
ATF_TC_BODY(encode__golden, tc)
{
	struct envelope e;
	struct error err = { 0 };
	char *text;
	size_t len;

	ATF_REQUIRE_EQ_MSG(0, envelope_decode(&e, golden, strlen(golden), &err),
	    "%s", err.msg);
	ATF_CHECK_STREQ("golden", e.config.name);
	ATF_CHECK_EQ(134217728, e.machine.memory_bytes);
	ATF_CHECK_EQ(2, e.files_n);
	ATF_CHECK(!envelope_find_file(&e, "memory.raw")->has_digest);
	ATF_CHECK_EQ(4096, envelope_find_file(&e, "cow.raw")->size_bytes);
	ATF_CHECK(envelope_find_file(&e, "layer0") == NULL);
	ATF_REQUIRE_EQ(0, envelope_encode(&text, &len, &e, &err));
	ATF_CHECK_STREQ(golden, text);
	ATF_CHECK_EQ(strlen(golden), len);
	free(text);
	envelope_fini(&e);
}

ATF_TC_WITHOUT_HEAD(encode__small);
ATF_TC_BODY(encode__small, tc)
{
	struct envelope e;
	struct error err;
	char *text;
	size_t len;

	envelope_init(&e);
	ATF_REQUIRE_EQ(0, envelope_encode(&text, &len, &e, &err));
	ATF_CHECK_STREQ("{\n  \"version\": 1,\n  \"config\": {\n"
			"    \"name\": \"\"\n  }\n}\n",
	    text);
	free(text);
	envelope_fini(&e);
}

ATF_TC_WITHOUT_HEAD(write__then_read);
ATF_TC_BODY(write__then_read, tc)
{
	struct envelope e, back;
	struct error err = { 0 };
	struct stat st;
	int dirfd;

	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, ".", false, &err));
	ATF_CHECK_EQ(-1, envelope_read(&back, dirfd, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_STREQ("snapshot.json: envelope missing", err.msg);
	envelope_init(&e);
	snprintf(e.config.name, sizeof(e.config.name), "x");
	ATF_REQUIRE(envelope_add_file(&e, "memory.raw", &err) != NULL);
	ATF_REQUIRE_EQ_MSG(0, envelope_write(dirfd, &e, &err), "%s", err.msg);
	ATF_REQUIRE_EQ(0, fstatat(dirfd, ENVELOPE_NAME, &st, 0));
	ATF_CHECK_EQ(0600, st.st_mode & 07777);
	ATF_REQUIRE_EQ(0, envelope_read(&back, dirfd, &err));
	ATF_CHECK_STREQ("x", back.config.name);
	ATF_CHECK(back.has_files);
	ATF_CHECK_EQ(1, back.files_n);
	envelope_fini(&back);
	envelope_fini(&e);

	ATF_REQUIRE_EQ(0, unlinkat(dirfd, ENVELOPE_NAME, 0));
	ATF_REQUIRE_EQ(0, symlinkat("/etc/passwd", dirfd, ENVELOPE_NAME));
	ATF_CHECK_EQ(-1, envelope_read(&back, dirfd, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("snapshot.json: not a regular file", err.msg);
	ATF_REQUIRE_EQ(0, unlinkat(dirfd, ENVELOPE_NAME, 0));
	fd_drop(&dirfd);
}

ATF_TC_WITHOUT_HEAD(read__too_large);
ATF_TC_BODY(read__too_large, tc)
{
	struct envelope e;
	struct error err;
	int dirfd, fd;

	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, ".", false, &err));
	fd = open(ENVELOPE_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, ftruncate(fd, 64 << 20));
	fd_drop(&fd);
	ATF_CHECK_EQ(-1, envelope_read(&e, dirfd, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("snapshot.json: 67108864 bytes, more than 1048576",
	    err.msg);
	fd_drop(&dirfd);
}

ATF_TC_WITHOUT_HEAD(name__table);
ATF_TC_BODY(name__table, tc)
{
	static const char *const good[] = { "a", "9", "A.b_c-d",
		A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	static const char *const bad[] = { "", ".", "..", ".a", "-a", "_a",
		"a/b", "a b", "a\n", "\xc3\xa9", A32 A32 };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ATF_CHECK_MSG(envelope_is_name(good[i]), "%s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(!envelope_is_name(bad[i]), "%s", bad[i]);
}

ATF_TC_WITHOUT_HEAD(decode__of_cocoon);
ATF_TC_BODY(decode__of_cocoon, tc)
{
	const char *dir = getenv("INSTAR_FIXTURES");
	struct envelope e;
	struct error err = { 0 };
	char archive[1024], member[] = "./snapshot.json", tar[] = "tar",
			    x[] = "-xOf", raw[65536];
	char *const argv[] = { tar, x, archive, member, NULL };
	struct proc_run run = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.out = raw,
		.out_cap = sizeof(raw),
		.deadline_ms = clock_ms() + 60000 };
	char *text;
	size_t len;

	if (dir == NULL || access(dir, R_OK) == -1)
		atf_tc_skip("INSTAR_FIXTURES: no such directory");
	snprintf(archive, sizeof(archive), "%s/cocoon-041-todir.tar.zst", dir);
	ATF_REQUIRE_EQ_MSG(0, proc_run(&run, &err), "%s", err.msg);
	ATF_REQUIRE_EQ_MSG(0, envelope_decode(&e, raw, strlen(raw), &err), "%s",
	    err.msg);
	ATF_CHECK_STREQ("golden", e.config.name);
	ATF_CHECK_STREQ("cloud-hypervisor", e.machine.hypervisor);
	ATF_CHECK_EQ(1073741824, e.machine.storage_bytes);
	ATF_CHECK(!e.has_files);
	ATF_REQUIRE_EQ(0, envelope_encode(&text, &len, &e, &err));
	ATF_CHECK(strstr(text, "\"disk_queue_size\": 512") != NULL);
	ATF_CHECK(strstr(text, "\"network\": \"bridge0\"") != NULL);
	ATF_CHECK(strstr(text, "\"files\"") == NULL);
	free(text);
	envelope_fini(&e);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__table);
	ATF_TP_ADD_TC(tp, decode__not_json);
	ATF_TP_ADD_TC(tp, decode__of_cocoon);
	ATF_TP_ADD_TC(tp, encode__golden);
	ATF_TP_ADD_TC(tp, encode__small);
	ATF_TP_ADD_TC(tp, write__then_read);
	ATF_TP_ADD_TC(tp, read__too_large);
	ATF_TP_ADD_TC(tp, name__table);
	return atf_no_error();
}
