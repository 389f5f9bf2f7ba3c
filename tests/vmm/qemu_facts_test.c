/* SPDX-License-Identifier: ISC */
/* What is asked of a QEMU once, and what of that is believed later. */
#include "vmm/qemu/qemu_facts.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GREETING(version)                                                      \
	"{\"QMP\": {\"version\": {\"qemu\": {" version                         \
	"}, \"package\": \"\"}, \"capabilities\": []}}\r\n"
#define V11 GREETING("\"micro\": 2, \"minor\": 1, \"major\": 11")
#define QUEUE(n)                                                               \
	"{\"return\": {\"vring-num-default\": " n ", \"inuse\": 0}}\r\n"
#define MACHINES(list) "{\"return\": [" list "]}\r\n"
#define M(name) "{\"name\": \"" name "\", \"deprecated\": false}"
#define OLD(name) "{\"name\": \"" name "\", \"deprecated\": true}"
#define SOME                                                                   \
	MACHINES(                                                              \
	    M("pc-q35-10.2") "," OLD("pc-q35-7.2") "," M("microvm") "," M(     \
		"pc-i440fx-8.0") "," M("pc-q35-8.2") "," M("pc-q35-9.0"))

static void
decode(struct qemu_facts *f, const char *text)
{
	struct error err = { 0 };

	ATF_REQUIRE_EQ_MSG(0, qemu_facts_decode(f, text, strlen(text), &err),
	    "%s", err.msg);
}

ATF_TC_WITHOUT_HEAD(decode__answers);
ATF_TC_BODY(decode__answers, tc)
{
	struct error err = { 0 };
	struct qemu_facts f;

	decode(&f,
	    V11 "{\"return\": {}}\r\n" QUEUE("8") SOME
	    "{\"event\": \"SHUTDOWN\", \"data\": {}}\r\n");
	ATF_CHECK_STREQ("11.1.2", f.version);
	ATF_CHECK_EQ(8, f.rng_queue);
	ATF_CHECK_EQ(4, f.machines_n);
	ATF_CHECK(qemu_facts_since(&f, 11, 1));
	ATF_CHECK(qemu_facts_since(&f, 8, 2));
	ATF_CHECK(!qemu_facts_since(&f, 11, 2));
	ATF_CHECK(!qemu_facts_since(&f, 12, 0));
	ATF_CHECK_EQ(0, qemu_facts_check_machine(&f, "pc-q35-7.2", &err));
	/* Of other kinds nothing is known. */
	ATF_CHECK_EQ(0, qemu_facts_check_machine(&f, "microvm", &err));
	ATF_CHECK_EQ(-1, qemu_facts_check_machine(&f, "pc-q35-7.1", &err));
	ATF_CHECK_EQ(EX_CONFIG, err.code);
	ATF_CHECK_STREQ("saved on machine pc-q35-7.1, which QEMU 11.1.2 does "
			"not know",
	    err.msg);
	qemu_facts_fini(&f);

	/* One that does not know the question about queues. */
	decode(&f,
	    V11 "{\"error\": {\"class\": \"CommandNotFound\"}}\r\n" SOME);
	ATF_CHECK_EQ(0, f.rng_queue);
	qemu_facts_fini(&f);
	decode(&f, V11 QUEUE("-1") QUEUE("70000") SOME);
	ATF_CHECK_EQ(0, f.rng_queue);
	qemu_facts_fini(&f);
}

ATF_TC_WITHOUT_HEAD(decode__wrong);
ATF_TC_BODY(decode__wrong, tc)
{
	static const char *const table[] = {
		"",
		"\r\n",
		"QEMU emulator version 7.2\n",
		"{\"QMP\"\r\n",
		V11,
		V11 MACHINES(""),
		V11 MACHINES(M("pc-q35-") "," M("pc-q35-8.2x") "," M(
		    "q35") "," M("pc-q35-8.222222222222222222222222222222")),
		V11 MACHINES("17, null, {\"name\": 3}"),
		SOME,
		GREETING("\"micro\": 2, \"minor\": 1") SOME,
		GREETING("\"micro\": 2, \"minor\": 1, \"major\": \"11\"") SOME,
	};
	struct qemu_facts f = { .major = 77 };
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1,
		    qemu_facts_decode(&f, table[i], strlen(table[i]), &err),
		    "row %zu", i);
		ATF_CHECK_EQ_MSG(EX_UNAVAILABLE, err.code, "row %zu: %d", i,
		    err.code);
		ATF_CHECK_EQ(77, f.major);
	}
}

ATF_TC_WITHOUT_HEAD(machine__of_a_new_vm);
ATF_TC_BODY(machine__of_a_new_vm, tc)
{
	static const struct {
		const char *answers, *machine;
	} table[] = {
		/* The floor, as long as it will stay. */
		{ V11 MACHINES(M("pc-q35-9.0") "," M("pc-q35-7.2")),
		    "pc-q35-7.2" },
		{ V11 SOME, "pc-q35-8.2" },
		/* Numbers are compared, not their letters. */
		{ V11 MACHINES(M("pc-q35-10.0") "," M("pc-q35-9.1")),
		    "pc-q35-9.1" },
		/* None that is older than what we support. */
		{ V11 MACHINES(M("pc-q35-7.1") "," M("pc-q35-11.1")),
		    "pc-q35-11.1" },
		/* All on their way out: as ever. */
		{ V11 MACHINES(OLD("pc-q35-8.0") "," OLD("pc-q35-8.1")),
		    "pc-q35-7.2" },
	};
	struct qemu_facts f = { 0 };
	size_t i;

	ATF_CHECK_STREQ("pc-q35-7.2", qemu_facts_machine(&f, "pc-q35-7.2"));
	ATF_CHECK(!qemu_facts_since(&f, 7, 2));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		decode(&f, table[i].answers);
		ATF_CHECK_STREQ(table[i].machine,
		    qemu_facts_machine(&f, "pc-q35-7.2"));
		qemu_facts_fini(&f);
	}
}

/* The one file below the cache, in a new string. */
static char *
kept(void)
{
	char *name = NULL;
	glob_t g;

	if (glob("cache/instar/qemu-*.json", 0, NULL, &g) == 0 &&
	    g.gl_pathc == 1)
		name = strdup(g.gl_pathv[0]);
	globfree(&g);
	return name;
}

static void
use_own_cache(void)
{
	char dir[4096], path[4200];

	ATF_REQUIRE(getcwd(dir, sizeof(dir)) != NULL);
	snprintf(path, sizeof(path), "%s/cache", dir);
	ATF_REQUIRE_EQ(0, setenv("XDG_CACHE_HOME", path, 1));
	unsetenv("INSTAR_QEMU");
}

/* The kept file with `from` made `to`, of the same length. */
static void
edit(const char *name, const char *from, const char *to)
{
	static char text[1 << 16];
	FILE *f = fopen(name, "r+");
	size_t n;
	char *p;

	ATF_REQUIRE(f != NULL);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	p = strstr(text, from);
	ATF_REQUIRE_MSG(p != NULL, "no %s in %s", from, text);
	memcpy(p, to, strlen(to));
	rewind(f);
	ATF_REQUIRE_EQ(n, fwrite(text, 1, n, f));
	ATF_REQUIRE_EQ(0, fclose(f));
}

static void
expect_queue(uint64_t queue)
{
	struct qemu_facts f;

	qemu_facts_get(&f);
	ATF_CHECK_EQ(queue, f.rng_queue);
	ATF_CHECK(f.machines_n > 0);
	ATF_CHECK(qemu_facts_since(&f, 7, 2));
	qemu_facts_fini(&f);
}

ATF_TC(get__kept);
ATF_TC_HEAD(get__kept, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "qemu-system-x86_64");
}
ATF_TC_BODY(get__kept, tc)
{
	char queue[64], other[64];
	struct qemu_facts f;
	struct stat st;
	char *name;

	use_own_cache();
	qemu_facts_get(&f);
	ATF_REQUIRE(f.rng_queue > 0);
	snprintf(queue, sizeof(queue), "\"rng_queue\":%u",
	    (unsigned)f.rng_queue);
	snprintf(other, sizeof(other), "\"rng_queue\":%u",
	    (unsigned)f.rng_queue + 1);
	name = kept();
	ATF_REQUIRE(name != NULL);
	ATF_REQUIRE_EQ(0, stat(name, &st));
	ATF_CHECK_EQ(0600, st.st_mode & 07777);

	/* What is kept is believed, and nobody asked. */
	edit(name, queue, other);
	expect_queue(f.rng_queue + 1);
	/* Not where others could have written it, */
	ATF_REQUIRE_EQ(0, chmod(name, 0666));
	expect_queue(f.rng_queue);
	ATF_REQUIRE_EQ(0, stat(name, &st));
	ATF_CHECK_EQ(0600, st.st_mode & 07777);
	/* nor of another program, */
	edit(name, queue, other);
	edit(name, "\"identity\":\"", "\"identity\":\"x");
	expect_queue(f.rng_queue);
	/* nor what is no record, */
	edit(name, "{", "[");
	expect_queue(f.rng_queue);
	edit(name, "\"version\"", "\"Version\"");
	expect_queue(f.rng_queue);
	/* nor what turned out to be wrong. */
	edit(name, queue, other);
	qemu_facts_forget();
	ATF_CHECK(access(name, F_OK) == -1);
	expect_queue(f.rng_queue);
	free(name);
	qemu_facts_fini(&f);
}

/* What runs in the end is not told by a script's file. */
ATF_TC(get__script);
ATF_TC_HEAD(get__script, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "qemu-system-x86_64");
}
ATF_TC_BODY(get__script, tc)
{
	struct qemu_facts f;

	use_own_cache();
	atf_utils_create_file("qemu",
	    "#!/bin/sh\nexec qemu-system-x86_64 \"$@\"\n");
	ATF_REQUIRE_EQ(0, chmod("qemu", 0755));
	setenv("INSTAR_QEMU", "./qemu", 1);
	qemu_facts_get(&f);
	ATF_CHECK(f.rng_queue > 0);
	qemu_facts_fini(&f);
	ATF_CHECK(kept() == NULL);

	atf_utils_create_file("fails", "#!/bin/sh\nexit 1\n");
	ATF_REQUIRE_EQ(0, chmod("fails", 0755));
	setenv("INSTAR_QEMU", "./fails", 1);
	qemu_facts_get(&f);
	ATF_CHECK_STREQ("", f.version);
	setenv("INSTAR_QEMU", "./none", 1);
	qemu_facts_get(&f);
	ATF_CHECK_STREQ("", f.version);
}

/* Nowhere to keep it is no error. */
ATF_TC(get__no_place);
ATF_TC_HEAD(get__no_place, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "qemu-system-x86_64");
}
ATF_TC_BODY(get__no_place, tc)
{
	struct qemu_facts f;

	unsetenv("INSTAR_QEMU");
	setenv("XDG_CACHE_HOME", "/proc/none", 1);
	qemu_facts_get(&f);
	ATF_CHECK(f.rng_queue > 0);
	qemu_facts_fini(&f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, decode__answers);
	ATF_TP_ADD_TC(tp, decode__wrong);
	ATF_TP_ADD_TC(tp, machine__of_a_new_vm);
	ATF_TP_ADD_TC(tp, get__kept);
	ATF_TP_ADD_TC(tp, get__script);
	ATF_TP_ADD_TC(tp, get__no_place);
	return atf_no_error();
}
