/* SPDX-License-Identifier: ISC */
#include "state/snap.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "lib/root_box.h"

/* A file of `size` bytes of which the first 4096 are data. */
static void
write_disk(int dirfd, const char *name, off_t size)
{
	static const char block[4096] = "data";
	int fd;

	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, ftruncate(fd, size));
	ATF_REQUIRE_EQ(sizeof(block), pwrite(fd, block, sizeof(block), 0));
	ATF_REQUIRE_EQ(0, fsync(fd));
	fd_drop(&fd);
}

static void
make(char id[ID_LEN + 1], const struct root *root, const char *name,
    bool with_envelope)
{
	struct envelope e;
	struct root_new n;
	struct error err = { 0 };

	ATF_REQUIRE_EQ(0, root_new_begin(&n, root, ROOT_SNAP, name, &err));
	write_disk(n.dirfd, "cow.raw", 1 << 20);
	envelope_init(&e);
	snprintf(e.config.id, sizeof(e.config.id), "%s", n.id);
	snprintf(e.config.name, sizeof(e.config.name), "%s", name);
	snprintf(e.machine.hypervisor, sizeof(e.machine.hypervisor), "qemu");
	snprintf(e.created_at, sizeof(e.created_at), "2026-11-21T08:00:00Z");
	e.machine.cpu = 2;
	e.machine.memory_bytes = 1 << 24;
	ATF_REQUIRE(envelope_add_file(&e, "cow.raw", &err) != NULL);
	if (with_envelope)
		ATF_REQUIRE_EQ(0, envelope_write(n.dirfd, &e, &err));
	envelope_fini(&e);
	ATF_REQUIRE_EQ(0, root_new_publish(&n, true, &err));
	memcpy(id, n.id, sizeof(n.id));
	root_new_end(&n);
}

ATF_TC_WITHOUT_HEAD(open__by_reference);
ATF_TC_BODY(open__by_reference, tc)
{
	struct root *root = open_root();
	struct snap *snap = NULL;
	struct error err = { 0 };
	char id[ID_LEN + 1], prefix[6];
	int fd;

	make(id, root, "golden", true);
	snprintf(prefix, sizeof(prefix), "%.5s", id);
	ATF_REQUIRE_EQ_MSG(0, snap_open(&snap, root, "golden", &err), "%s",
	    err.msg);
	ATF_CHECK_STREQ(id, snap_id(snap));
	ATF_CHECK_STREQ("golden", snap_envelope(snap)->config.name);
	/* Nobody removes it meanwhile. */
	ATF_CHECK_EQ(-1, root_lock(&fd, root, ROOT_SNAP, id, true, 0, &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	snap_close(snap);
	ATF_CHECK_EQ(0, root_lock(&fd, root, ROOT_SNAP, id, true, 0, &err));
	fd_drop(&fd);
	ATF_REQUIRE_EQ(0, snap_open(&snap, root, prefix, &err));
	snap_close(snap);
	snap_close(NULL);
	ATF_CHECK_EQ(-1, snap_open(&snap, root, "other", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_MATCH("^other: no such snapshot in .*/root$", err.msg);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(open__envelope_missing);
ATF_TC_BODY(open__envelope_missing, tc)
{
	struct root *root = open_root();
	struct snap *snap;
	struct error err = { 0 };
	char id[ID_LEN + 1];

	make(id, root, "broken", false);
	ATF_CHECK_EQ(-1, snap_open(&snap, root, "broken", &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("broken: snapshot.json: envelope missing", err.msg);
	ATF_CHECK_EQ(-1, snap_open_dir(&snap, "root/snap", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_STREQ("root/snap: snapshot.json: envelope missing", err.msg);
	ATF_CHECK_EQ(-1, snap_open_dir(&snap, "nowhere", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_STREQ("nowhere: No such file or directory", err.msg);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(report__of_the_store);
ATF_TC_BODY(report__of_the_store, tc)
{
	struct root *root = open_root();
	struct snap *snap;
	struct error err = { 0 };
	char id[ID_LEN + 1], want[512];
	json_t *record;
	char *text;
	uint64_t apparent, allocated;
	struct stat st;

	make(id, root, "golden", true);
	ATF_REQUIRE_EQ(0, snap_open(&snap, root, id, &err));
	ATF_REQUIRE_EQ(0, snap_sizes(&apparent, &allocated, snap, &err));
	ATF_REQUIRE_EQ(0, fstatat(snap_fd(snap), ENVELOPE_NAME, &st, 0));
	ATF_CHECK_EQ((1 << 20) + (uint64_t)st.st_size, apparent);
	ATF_CHECK(allocated >= 4096 && allocated < 1 << 20);

	ATF_REQUIRE_EQ(0, snap_report(&record, snap, root, &err));
	ATF_CHECK(json_object_get(record, "last_accessed_at") != NULL);
	ATF_CHECK_EQ(allocated,
	    (uint64_t)json_integer_value(
		json_object_get(record, "disk_usage")));
	json_object_del(record, "last_accessed_at");
	json_object_del(record, "disk_usage");
	json_object_del(record, "dir");
	ATF_REQUIRE_EQ(0, json_text(&text, NULL, record, 0, &err));
	snprintf(want, sizeof(want),
	    "{\"id\":\"%s\",\"name\":\"golden\",\"hypervisor\":\"qemu\","
	    "\"cpu\":2,\"memory\":16777216,\"nics\":0,\"created_at\":"
	    "\"2026-11-21T08:00:00Z\",\"files\":[\"cow.raw\"],\"size\":%ju}\n",
	    id, (uintmax_t)apparent);
	ATF_CHECK_STREQ(want, text);
	free(text);
	json_decref(record);
	snap_close(snap);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(report__of_a_directory);
ATF_TC_BODY(report__of_a_directory, tc)
{
	static const char envelope[] =
	    "{\"version\":1,\"config\":{\"id\":\"ABC\",\"image\":\"i\","
	    "\"image_type\":\"oci\",\"image_digest\":7}}";
	struct snap *snap;
	struct error err = { 0 };
	json_t *record;
	int dirfd;

	ATF_REQUIRE_EQ(0, mkdir("dir", 0700));
	ATF_REQUIRE_EQ(0, symlink("dir", "link"));
	ATF_REQUIRE_EQ(0, fd_open_dir(&dirfd, AT_FDCWD, "dir", false, &err));
	ATF_REQUIRE_EQ(0,
	    fd_replace_file(dirfd, ENVELOPE_NAME, envelope, strlen(envelope),
		false, &err));
	write_disk(dirfd, "b", 4096);
	write_disk(dirfd, "a", 4096);
	ATF_REQUIRE_EQ(0, mkdirat(dirfd, "sub", 0700));
	ATF_REQUIRE_EQ(0, symlinkat("/etc/passwd", dirfd, "c"));
	fd_drop(&dirfd);

	ATF_REQUIRE_EQ_MSG(0, snap_open_dir(&snap, "link", &err), "%s",
	    err.msg);
	ATF_CHECK_STREQ("ABC", snap_id(snap));
	ATF_REQUIRE_EQ(0, snap_report(&record, snap, NULL, &err));
	ATF_CHECK(json_object_get(record, "last_accessed_at") == NULL);
	ATF_CHECK(json_object_get(record, "image_digest") == NULL);
	ATF_CHECK_STREQ("oci",
	    json_string_value(json_object_get(record, "image_type")));
	ATF_CHECK_EQ(2, json_array_size(json_object_get(record, "files")));
	ATF_CHECK_STREQ("a",
	    json_string_value(
		json_array_get(json_object_get(record, "files"), 0)));
	json_decref(record);
	snap_close(snap);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, open__by_reference);
	ATF_TP_ADD_TC(tp, open__envelope_missing);
	ATF_TP_ADD_TC(tp, report__of_the_store);
	ATF_TP_ADD_TC(tp, report__of_a_directory);
	return atf_no_error();
}
