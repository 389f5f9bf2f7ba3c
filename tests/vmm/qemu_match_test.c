/* SPDX-License-Identifier: ISC */
/* Device sections of a saved state, built here as migration/savevm.c does. */
#include <atf-c.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"
#include "vmm/qemu/qemu_state.h"

#define STREAM_MAX 4096
#define SEED "../data/good/qemu_match/machine"

struct stream {
	unsigned char raw[STREAM_MAX];
	size_t len;
};

static void
put(struct stream *s, const void *bytes, size_t n)
{
	memcpy(s->raw + s->len, bytes, n);
	s->len += n;
}

static void
put_u32(struct stream *s, uint32_t n)
{
	be32_put(s->raw + s->len, n);
	s->len += 4;
}

/* A full section with some data, among it what looks like its footer. */
static void
put_section(struct stream *s, uint32_t id, const char *name)
{
	unsigned char n = (unsigned char)strlen(name);

	put(s, "\x04", 1);
	put_u32(s, id);
	put(s, &n, 1);
	put(s, name, n);
	put_u32(s, 0); /* instance */
	put_u32(s, 1); /* version */
	put(s, "\x7e", 1);
	put_u32(s, id);
	put(s, "data\x7e", 5);
	put(s, "\x7e", 1);
	put_u32(s, id);
}

static void
put_end(struct stream *s)
{
	put(s, "\x00\x06", 2);
	put_u32(s, 2);
	put(s, "{}", 2);
}

/* The sections `names`, up to NULL, and the end of the stream. */
static void
build(struct stream *s, const char *const *names)
{
	uint32_t id = 0;

	s->len = 0;
	for (; *names != NULL; names++)
		put_section(s, id++, *names);
	put_end(s);
}

/* One processor, two disks, one NIC. */
static const char *const machine[] = { "timer", "cpu_common", "cpu",
	"0000:00:03.0/virtio-net", "0000:00:04.0/virtio-blk",
	"0000:00:05.0/virtio-blk", "0000:00:02.0/virtio-rng", "slirp", NULL };

/* As if it were loaded for such a machine. */
static int
check_as(const struct stream *s, bool agent, struct error *err)
{
	struct storage disks[2] = { 0 };
	struct nic nics[1] = { 0 };
	struct machine m = { .cpu = 1, .agent = agent };
	unsigned char *copy = malloc(s->len + 1);
	int rc;

	/* On the heap and of this length, so that a sanitizer sees. */
	ATF_REQUIRE(copy != NULL);
	memcpy(copy, s->raw, s->len);
	m.disks = (struct storage_list){ disks, 2 };
	m.nics = (struct nic_list){ nics, 1 };
	memset(err, 0, sizeof(*err));
	rc = qemu_devices_check(copy, s->len, 0, &m, err);
	ATF_CHECK(rc == 0 || err->code == EX_DATAERR);
	free(copy);
	return rc;
}

static int
check(const struct stream *s, struct error *err)
{
	return check_as(s, false, err);
}

/* The serial ports of a guest agent, or none. */
ATF_TC_WITHOUT_HEAD(devices__agent);
ATF_TC_BODY(devices__agent, tc)
{
	static const char console[] = "0000:00:1e.0/virtio-console";
	static const struct {
		bool agent;
		const char *more[2];
		const char *message; /* NULL: it is taken */
	} table[] = {
		{ true, { console }, NULL },
		{ true, { NULL }, "has no port for an agent" },
		{ false, { console }, "state of an unknown device at byte" },
		{ true, { console, console },
		    "state of an unknown device at byte" },
		{ true, { "0000:00:1d.0/virtio-console" },
		    "state of an unknown device at byte" },
		{ true, { "0000:00:1e.1/virtio-console" },
		    "state of an unknown device at byte" },
	};
	const char *names[sizeof(machine) / sizeof(machine[0]) + 2];
	const size_t n = sizeof(machine) / sizeof(machine[0]) - 1;
	struct stream s;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(names, 0, sizeof(names));
		memcpy(names, machine, n * sizeof(names[0]));
		names[n] = table[i].more[0];
		names[n + 1] = table[i].more[1];
		build(&s, names);
		ATF_CHECK_EQ_MSG(table[i].message == NULL ? 0 : -1,
		    check_as(&s, table[i].agent, &err), "%zu: %s", i, err.msg);
		ATF_CHECK_MSG(table[i].message == NULL ||
			strncmp(err.msg, table[i].message,
			    strlen(table[i].message)) == 0,
		    "%zu: %s", i, err.msg);
	}
}

ATF_TC_WITHOUT_HEAD(devices__as_they_are);
ATF_TC_BODY(devices__as_they_are, tc)
{
	struct stream s;
	struct error err;

	build(&s, machine);
	ATF_CHECK_EQ_MSG(0, check(&s, &err), "%s", err.msg);
}

ATF_TC_WITHOUT_HEAD(devices__others);
ATF_TC_BODY(devices__others, tc)
{
	static const struct {
		const char *sections[8];
		const char *message;
	} table[] = {
		{ { "timer" }, "has 0 processors, not 1" },
		{ { "cpu_common", "cpu_common" }, "has 2 processors, not 1" },
		{ { "cpu_common" }, "has 0 disks, not 2" },
		{ { "cpu_common", "0000:00:04.0/virtio-blk" },
		    "has 1 disks, not 2" },
		{ { "cpu_common", "0000:00:04.0/virtio-blk",
		      "0000:00:05.0/virtio-blk" },
		    "has 0 NICs, not 1" },
		{ { "0000:00:04.0/virtio-blk", "0000:00:04.0/virtio-blk" },
		    "state of another disk at byte 52" },
		{ { "0000:00:03.0/virtio-net", "0000:00:03.0/virtio-net" },
		    "state of another NIC at byte 52" },
		{ { "0000:00:06.0/virtio-blk" },
		    "state of another disk at byte 0" },
		{ { "0000:00:01.0/virtio-blk" },
		    "state of another disk at byte 0" },
		{ { "0000:00:04.1/virtio-blk" },
		    "state of another disk at byte 0" },
		{ { "0000:00:03.1/virtio-net" },
		    "state of another NIC at byte 0" },
		{ { "0000:00:08.0/virtio-net" },
		    "state of another NIC at byte 0" },
		{ { "0000:00:08.0/virtio-balloon" },
		    "state of an unknown device at byte 0" },
		{ { "0000:00:07.0/virtio-rng" },
		    "state of an unknown device at byte 0" },
	};
	struct stream s;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		build(&s, table[i].sections);
		ATF_CHECK_EQ_MSG(-1, check(&s, &err), "%zu: taken", i);
		ATF_CHECK_STREQ(table[i].message, err.msg);
	}
}

/* Cut at any byte, or with anything behind it, it is none. */
ATF_TC_WITHOUT_HEAD(devices__cut_anywhere);
ATF_TC_BODY(devices__cut_anywhere, tc)
{
	struct stream s;
	struct error err;
	size_t whole;

	build(&s, machine);
	whole = s.len;
	for (s.len = 1; s.len < whole; s.len++)
		ATF_CHECK_EQ_MSG(-1, check(&s, &err), "%zu bytes: taken",
		    s.len);
	s.len = whole;
	put(&s, "", 1);
	ATF_CHECK_EQ(-1, check(&s, &err));
}

/* Refreshed by SEED_WRITE=DIR/machine: what fuzzing begins with. */
ATF_TC_WITHOUT_HEAD(seed__is_this_machine);
ATF_TC_BODY(seed__is_this_machine, tc)
{
	const char *to = getenv("SEED_WRITE");
	unsigned char raw[STREAM_MAX];
	struct stream s;
	char path[4096];
	ssize_t len;
	int fd;

	build(&s, machine);
	if (to != NULL) {
		fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		ATF_REQUIRE_EQ((ssize_t)s.len, write(fd, s.raw, s.len));
		close(fd);
	}
	snprintf(path, sizeof(path), "%s/" SEED,
	    atf_tc_get_config_var(tc, "srcdir"));
	fd = open(path, O_RDONLY);
	ATF_REQUIRE(fd != -1);
	len = read(fd, raw, sizeof(raw));
	close(fd);
	ATF_REQUIRE_EQ((ssize_t)s.len, len);
	ATF_CHECK(memcmp(s.raw, raw, s.len) == 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, devices__agent);
	ATF_TP_ADD_TC(tp, devices__as_they_are);
	ATF_TP_ADD_TC(tp, devices__others);
	ATF_TP_ADD_TC(tp, devices__cut_anywhere);
	ATF_TP_ADD_TC(tp, seed__is_this_machine);
	return atf_no_error();
}
