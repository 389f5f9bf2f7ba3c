/* SPDX-License-Identifier: ISC */
#include "state/source.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A snapshot "golden", never used. */
static struct root *
make_root(char id[ID_LEN + 1])
{
	struct error err = { 0 };
	struct envelope e;
	struct root *root;
	struct root_new n;

	ATF_REQUIRE_EQ_MSG(0, root_open(&root, "root", &err), "%s", err.msg);
	ATF_REQUIRE_EQ(0, root_new_begin(&n, root, ROOT_SNAP, "golden", &err));
	envelope_init(&e);
	snprintf(e.config.id, sizeof(e.config.id), "%s", n.id);
	ATF_REQUIRE_EQ(0, envelope_write(n.dirfd, &e, &err));
	envelope_fini(&e);
	ATF_REQUIRE_EQ(0, root_new_publish(&n, true, &err));
	memcpy(id, n.id, sizeof(n.id));
	root_new_end(&n);
	return root;
}

/* Seconds back, far from now, so that a use is seen. */
static void
age_access(const struct root *root, const char *id)
{
	const struct timespec old[2] = { { .tv_sec = 1000000000 },
		{ .tv_sec = 1000000000 } };
	char path[128];

	ATF_REQUIRE_EQ(0, root_access_touch(root, id, NULL));
	snprintf(path, sizeof(path), "root/access/%s", id);
	ATF_REQUIRE_EQ(0, utimensat(AT_FDCWD, path, old, 0));
}

static bool
was_used(const struct root *root, const char *id)
{
	struct timespec when;

	ATF_REQUIRE_EQ(0, root_access_time(&when, root, id, NULL));
	return when.tv_sec != 1000000000;
}

ATF_TC_WITHOUT_HEAD(open__of_the_store);
ATF_TC_BODY(open__of_the_store, tc)
{
	char id[ID_LEN + 1];
	struct source_how how = { .ref = "golden", .keep_access = true };
	struct root *root = make_root(id);
	struct error err = { 0 };
	struct source s = { 0 };

	age_access(root, id);
	ATF_REQUIRE_EQ_MSG(0, source_open(&s, root, &how, &err), "%s", err.msg);
	ATF_CHECK_STREQ(id, snap_id(s.snap));
	ATF_CHECK_STREQ("", source_warning(&s));
	source_close(&s);
	ATF_CHECK(!was_used(root, id));
	how.keep_access = false;
	ATF_REQUIRE_EQ(0, source_open(&s, root, &how, &err));
	source_close(&s);
	ATF_CHECK(was_used(root, id));
	how.ref = "none";
	ATF_CHECK_EQ(-1, source_open(&s, root, &how, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK(s.snap == NULL);
	source_close(&s);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(open__of_a_directory);
ATF_TC_BODY(open__of_a_directory, tc)
{
	char id[ID_LEN + 1];
	struct source_how how = { .dir = "root/name/snap/golden" };
	struct root *root = make_root(id);
	struct error err = { 0 };
	struct source s = { 0 };

	age_access(root, id);
	ATF_REQUIRE_EQ_MSG(0, source_open(&s, root, &how, &err), "%s", err.msg);
	ATF_CHECK_STREQ(id, snap_id(s.snap));
	source_close(&s);
	ATF_CHECK(!was_used(root, id));
	how.dir = "nowhere";
	ATF_CHECK_EQ(-1, source_open(&s, root, &how, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	how.dir = NULL;
	how.archive = "nowhere";
	ATF_CHECK_EQ(-1, source_open(&s, root, &how, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	root_close(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, open__of_the_store);
	ATF_TP_ADD_TC(tp, open__of_a_directory);
	return atf_no_error();
}
