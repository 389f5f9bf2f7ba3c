/* SPDX-License-Identifier: ISC */
/* The transport of registries, with Debian's docker-registry. */
#include <sys/wait.h>

#include <atf-c.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "registry/transport.h"

#define MIB (1u << 20)
#define BLOB_BYTES (9u * MIB + 12345)
#define RANGES 40 /* more than there are slots */
#define LOG_MAX (16u * MIB)
#define DEADLINE_MS 60000

static const char config[] = "version: 0.1\n"
			     "storage: {filesystem: {rootdirectory: store}}\n"
			     "http: {addr: \"127.0.0.1:0\"}\n";

struct bed {
	pid_t pid;
	char place[64]; /* HOST:PORT */
	struct ref ref;
	struct transport t;
};

/* What it says it listens to, of its log. */
static bool
read_place(struct bed *bed)
{
	char *text, *p;
	int port;

	if (fd_slurp(&text, NULL, AT_FDCWD, "log", MIB, NULL) == -1)
		return false;
	p = strstr(text, "listening on 127.0.0.1:");
	if (p != NULL) {
		port = (int)strtol(p + 23, NULL, 10);
		snprintf(bed->place, sizeof(bed->place), "127.0.0.1:%d", port);
	}
	free(text);
	return p != NULL;
}

static void
registry_start(struct bed *bed)
{
	int64_t deadline = clock_ms() + DEADLINE_MS;
	struct error err = { 0 };
	int fd;

	if (access("/usr/bin/docker-registry", X_OK) == -1)
		atf_tc_skip("docker-registry is not installed");
	ATF_REQUIRE_EQ_MSG(0,
	    fd_replace_file(AT_FDCWD, "config.yml", config, sizeof(config) - 1,
		false, &err),
	    "%s", err.msg);
	fd = open("log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1);
	bed->pid = fork();
	ATF_REQUIRE(bed->pid != -1);
	if (bed->pid == 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execl("/usr/bin/docker-registry", "docker-registry", "serve",
		    "config.yml", (char *)NULL);
		_exit(127);
	}
	close(fd);
	while (!read_place(bed)) {
		ATF_REQUIRE(clock_left(deadline) > 0);
		clock_nap(20);
	}
}

static void
bed_open(struct bed *bed, unsigned jobs)
{
	const struct transport_how how = { .mode = TRANSPORT_WRITE,
		.jobs = jobs };
	struct error err = { 0 };
	char text[128];

	memset(bed, 0, sizeof(*bed));
	registry_start(bed);
	snprintf(text, sizeof(text), "%s/some/name:v1", bed->place);
	ATF_REQUIRE_EQ_MSG(0, ref_parse(&bed->ref, text, &err), "%s", err.msg);
	ATF_REQUIRE_EQ_MSG(0, transport_open(&bed->t, &bed->ref, &how, &err),
	    "%s", err.msg);
}

static void
bed_close(struct bed *bed)
{
	transport_close(&bed->t);
	ref_fini(&bed->ref);
	kill(bed->pid, SIGKILL);
	ATF_CHECK_EQ(bed->pid, waitpid(bed->pid, NULL, 0));
	/* Nor is the courier there any more. */
	ATF_CHECK_EQ(-1, waitpid(-1, NULL, 0));
}

/* Bytes that no two places have alike. */
static unsigned char *
make_bytes(size_t len, uint64_t seed)
{
	unsigned char *p = malloc(len);
	uint64_t x = seed * 2 + 1;
	size_t i;

	ATF_REQUIRE(p != NULL);
	for (i = 0; i < len; i++) {
		x = x * UINT64_C(6364136223846793005) + 1;
		p[i] = (unsigned char)(x >> 56);
	}
	return p;
}

/* Data beneath the path in the store: what is about it a registry may leave. */
static int
count_files(const char *path)
{
	char store[] = "store", within[256], *roots[] = { store, NULL };
	FTS *walk = fts_open(roots, FTS_PHYSICAL, NULL);
	const FTSENT *e;
	int n = 0;

	ATF_REQUIRE(walk != NULL);
	snprintf(within, sizeof(within), "/%s/", path);
	while ((e = fts_read(walk)) != NULL)
		if (e->fts_info == FTS_F && strcmp(e->fts_name, "data") == 0 &&
		    strstr(e->fts_path, within) != NULL)
			n++;
	fts_close(walk);
	return n;
}

/* Ports that requests came from, each a connection. */
static int
count_connections(void)
{
	static const char mark[] = "remoteaddr=\"127.0.0.1:";
	bool seen[UINT16_MAX + 1] = { false };
	struct error err = { 0 };
	char *text, *at;
	uint16_t port;
	int n = 0;

	ATF_REQUIRE_EQ_MSG(0,
	    fd_slurp(&text, NULL, AT_FDCWD, "log", LOG_MAX, &err), "%s",
	    err.msg);
	for (at = text; (at = strstr(at, mark)) != NULL;) {
		at += sizeof(mark) - 1;
		port = (uint16_t)strtoul(at, NULL, 10);
		n += seen[port] ? 0 : 1;
		seen[port] = true;
	}
	free(text);
	return n;
}

ATF_TC_WITHOUT_HEAD(ask__many);
ATF_TC_BODY(ask__many, tc)
{
	unsigned char *bytes = make_bytes(BLOB_BYTES, 1), *got;
	struct range ranges[RANGES];
	struct error err = { 0 };
	struct blob blob, lost, longer;
	struct bed bed;
	bool there;
	size_t i;

	bed_open(&bed, 8);
	ATF_REQUIRE_EQ_MSG(0,
	    put_all(&bed.t, false, &blob, bytes, BLOB_BYTES, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(BLOB_BYTES, bed.t.moved_bytes);
	ATF_REQUIRE_EQ(0, transport_has(&bed.t, &there, &blob, &err));
	ATF_CHECK(there);
	lost = longer = blob;
	lost.digest.raw[0] ^= 1;
	longer.bytes++;
	got = calloc(RANGES, RANGE_BYTES_MAX);
	ATF_REQUIRE(got != NULL);
	for (i = 0; i < RANGES; i++) {
		ranges[i] = (struct range){ .blob = &blob,
			.off = i * 104729,
			.len = i == 0 ? RANGE_BYTES_MAX : 1 + i * 40009,
			.buf = got + i * RANGE_BYTES_MAX };
		if (i == 7)
			ranges[i].blob = &lost;
		if (i == 9)
			ranges[i].blob = &longer;
		ATF_REQUIRE_EQ_MSG(0, transport_ask(&bed.t, &ranges[i], &err),
		    "%s", err.msg);
	}
	for (i = RANGES; i-- > 0;) {
		memset(&err, 0, sizeof(err));
		if (i == 7 || i == 9) {
			ATF_CHECK_EQ(-1,
			    transport_await(&bed.t, &ranges[i], &err));
			ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s", err.msg);
			continue;
		}
		ATF_CHECK_EQ_MSG(0, transport_await(&bed.t, &ranges[i], &err),
		    "%zu: %s", i, err.msg);
		ATF_CHECK_EQ_MSG(0,
		    memcmp(ranges[i].buf, bytes + ranges[i].off, ranges[i].len),
		    "%zu", i);
	}
	ATF_CHECK_MSG(count_connections() > 2, "%d connections",
	    count_connections());
	free(got);
	free(bytes);
	bed_close(&bed);
}

/* One at a time is one connection. */
ATF_TC_WITHOUT_HEAD(ask__one_job);
ATF_TC_BODY(ask__one_job, tc)
{
	unsigned char *bytes = make_bytes(2 * MIB, 1), *got;
	struct error err = { 0 };
	struct blob blob;
	struct bed bed;

	bed_open(&bed, 1);
	ATF_REQUIRE_EQ(0, put_all(&bed.t, false, &blob, bytes, 2 * MIB, &err));
	got = malloc(2 * MIB);
	ATF_REQUIRE_EQ_MSG(0,
	    transport_get(&bed.t, got, 2 * MIB, &blob, 0, &err), "%s", err.msg);
	ATF_CHECK_EQ(0, memcmp(got, bytes, 2 * MIB));
	ATF_CHECK_EQ(1, count_connections());
	free(got);
	free(bytes);
	bed_close(&bed);
}

ATF_TC_WITHOUT_HEAD(put__several);
ATF_TC_BODY(put__several, tc)
{
	const size_t len = 21 * MIB + 1, step = 300007;
	unsigned char *bytes[PUTS_MAX];
	struct put put[PUTS_MAX];
	struct error err = { 0 };
	struct blob blob;
	struct bed bed;
	size_t i, at, n;
	bool there;

	bed_open(&bed, 2);
	for (i = 0; i < PUTS_MAX; i++) {
		bytes[i] = make_bytes(len, i);
		ATF_REQUIRE_EQ(0, put_begin(&put[i], &bed.t, false, &err));
	}
	for (at = 0; at < len; at += n) {
		n = len - at < step ? len - at : step;
		for (i = 0; i < PUTS_MAX; i++)
			ATF_REQUIRE_EQ_MSG(0,
			    put_data(&put[i], bytes[i] + at, n, &err), "%s",
			    err.msg);
	}
	/* One is not wanted. */
	put_drop(&put[0]);
	for (i = 1; i < PUTS_MAX; i++) {
		ATF_REQUIRE_EQ_MSG(0, put_end(&put[i], &blob, &err), "%s",
		    err.msg);
		ATF_CHECK_EQ(len, blob.bytes);
		ATF_REQUIRE_EQ(0, transport_has(&bed.t, &there, &blob, &err));
		ATF_CHECK(there);
	}
	/* Nor is one that is there. */
	ATF_REQUIRE_EQ_MSG(0,
	    put_all(&bed.t, false, &blob, bytes[1], len, &err), "%s", err.msg);
	ATF_CHECK_EQ(len, bed.t.there_bytes);
	ATF_CHECK_EQ(3 * len, bed.t.moved_bytes);
	for (i = 0; i < PUTS_MAX; i++)
		free(bytes[i]);
	bed_close(&bed);
}

ATF_TC_WITHOUT_HEAD(mount__other_name);
ATF_TC_BODY(mount__other_name, tc)
{
	const struct transport_how how = { .mode = TRANSPORT_WRITE };
	struct error err = { 0 };
	struct blob blob, lost;
	struct transport other;
	struct ref ref;
	struct bed bed;
	char text[128];
	bool there;

	bed_open(&bed, 2);
	ATF_REQUIRE_EQ(0, put_all(&bed.t, false, &blob, "bytes", 5, &err));
	snprintf(text, sizeof(text), "%s/other", bed.place);
	ATF_REQUIRE_EQ(0, ref_parse(&ref, text, &err));
	ATF_REQUIRE_EQ(0, transport_open(&other, &ref, &how, &err));
	ATF_REQUIRE_EQ(0, transport_has(&other, &there, &blob, &err));
	ATF_CHECK(!there);
	ATF_REQUIRE_EQ_MSG(0,
	    transport_mount(&other, true, &there, &blob, &bed.ref, &err), "%s",
	    err.msg);
	ATF_CHECK(there); /* it would be */
	ATF_REQUIRE_EQ(0, transport_has(&other, &there, &blob, &err));
	ATF_CHECK(!there);
	ATF_REQUIRE_EQ_MSG(0,
	    transport_mount(&other, false, &there, &blob, &bed.ref, &err), "%s",
	    err.msg);
	ATF_CHECK(there);
	ATF_REQUIRE_EQ(0, transport_has(&other, &there, &blob, &err));
	ATF_CHECK(there);
	lost = blob;
	lost.digest.raw[0] ^= 1;
	ATF_REQUIRE_EQ_MSG(0,
	    transport_mount(&other, false, &there, &lost, &bed.ref, &err), "%s",
	    err.msg);
	ATF_CHECK(!there);
	ATF_CHECK_EQ(0, count_files("_uploads"));
	/* In another place there is nothing to be mounted. */
	ref.place[0] = '9';
	ATF_REQUIRE_EQ(0,
	    transport_mount(&bed.t, false, &there, &blob, &ref, &err));
	ATF_CHECK(!there);
	transport_close(&other);
	ref_fini(&ref);
	bed_close(&bed);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, ask__many);
	ATF_TP_ADD_TC(tp, ask__one_job);
	ATF_TP_ADD_TC(tp, put__several);
	ATF_TP_ADD_TC(tp, mount__other_name);
	return atf_no_error();
}
