/* SPDX-License-Identifier: ISC */
#include "state/root.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "lib/root_box.h"

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Makes an object with this name and puts its id in `id`. */
static void
make(char id[ID_LEN + 1], const struct root *root, enum root_kind kind,
    const char *name)
{
	struct root_new n;
	struct error err = { 0 };

	ATF_REQUIRE_EQ_MSG(0, root_new_begin(&n, root, kind, name, &err), "%s",
	    err.msg);
	ATF_REQUIRE_EQ_MSG(0, root_new_publish(&n, true, &err), "%s", err.msg);
	memcpy(id, n.id, sizeof(n.id));
	root_new_end(&n);
}

/* Makes an empty object of a chosen id. */
static void
plant(const struct root *root, enum root_kind kind, const char *id)
{
	ATF_REQUIRE_EQ(0, mkdirat(root_kind_fd(root, kind), id, 0700));
}

static void
check_resolve(const struct root *root, const char *ref, const char *want,
    int code, const char *message)
{
	char id[ID_LEN + 1] = "untouched", whole[ERROR_MSG_MAX];
	struct error err = { 0 };
	int rc;

	rc = root_resolve(id, root, ROOT_SNAP, ref, &err);
	if (want != NULL) {
		ATF_CHECK_EQ_MSG(0, rc, "%s: %s", ref, err.msg);
		ATF_CHECK_STREQ(want, id);
		return;
	}
	ATF_CHECK_EQ_MSG(-1, rc, "%s", ref);
	ATF_CHECK_EQ(code, err.code);
	snprintf(whole, sizeof(whole), "%s%s%s", message,
	    strstr(message, "no such ") != NULL ? " in " : "",
	    strstr(message, "no such ") != NULL ? root_path(root) : "");
	ATF_CHECK_STREQ(whole, err.msg);
	ATF_CHECK_STREQ("untouched", id);
}

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

ATF_TC_WITHOUT_HEAD(resolve__table);
ATF_TC_BODY(resolve__table, tc)
{
	static const char one[] = "abcdefghijklmnopqrstuvwxyz";
	static const char two[] = "abcdefzzzzzzzzzzzzzzzzzzzz";
	static const char three[] = "xyz22222222222222222222222";
	struct root *root = open_root();
	char named[ID_LEN + 1], other[ID_LEN + 1];

	plant(root, ROOT_SNAP, one);
	plant(root, ROOT_SNAP, two);
	plant(root, ROOT_SNAP, three);
	make(named, root, ROOT_SNAP, "xyz");
	/* A name that is another one's id: the id wins. */
	make(other, root, ROOT_SNAP, one);

	check_resolve(root, one, one, 0, NULL);
	check_resolve(root, "xyz", named, 0, NULL);
	check_resolve(root, "xyz2", three, 0, NULL);
	check_resolve(root, "abcdefg", one, 0, NULL);
	check_resolve(root, "abcdefz", two, 0, NULL);
	check_resolve(root, "abc", NULL, EX_NOINPUT,
	    "abc: ambiguous: several snapshots begin so");
	check_resolve(root, "xy", NULL, EX_NOINPUT, "xy: no such snapshot");
	check_resolve(root, "XYZ", NULL, EX_NOINPUT, "XYZ: no such snapshot");
	check_resolve(root, "nope", NULL, EX_NOINPUT, "nope: no such snapshot");
	check_resolve(root, "abcdefghijklmnopqrstuvwxy2", NULL, EX_NOINPUT,
	    "abcdefghijklmnopqrstuvwxy2: no such snapshot");
	check_resolve(root, "", NULL, EX_USAGE,
	    "\"\" is neither an id nor a name");
	check_resolve(root, "..", NULL, EX_USAGE,
	    "\"..\" is neither an id nor a name");
	check_resolve(root, "../vm", NULL, EX_USAGE,
	    "\"../vm\" is neither an id nor a name");
	check_resolve(root, "a b", NULL, EX_USAGE,
	    "\"a b\" is neither an id nor a name");
	check_resolve(root, "a\n", NULL, EX_USAGE,
	    "\"a?\" is neither an id nor a name");
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(resolve__kinds_are_apart);
ATF_TC_BODY(resolve__kinds_are_apart, tc)
{
	struct root *root = open_root();
	char vm[ID_LEN + 1], snap[ID_LEN + 1], id[ID_LEN + 1];
	struct error err;

	make(vm, root, ROOT_VM, "web");
	make(snap, root, ROOT_SNAP, "web");
	ATF_CHECK_EQ(0, root_resolve(id, root, ROOT_VM, "web", &err));
	ATF_CHECK_STREQ(vm, id);
	ATF_CHECK_EQ(0, root_resolve(id, root, ROOT_SNAP, "web", &err));
	ATF_CHECK_STREQ(snap, id);
	ATF_CHECK_EQ(-1, root_resolve(id, root, ROOT_VM, snap, &err));
	ATF_CHECK_EQ(-1, root_resolve(id, root, ROOT_VM, "w", &err));
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(resolve__link_that_is_not_ours);
ATF_TC_BODY(resolve__link_that_is_not_ours, tc)
{
	struct root *root = open_root();
	struct root_new n;
	struct error err;

	ATF_REQUIRE_EQ(0, symlink("/etc", "root/name/snap/etc"));
	ATF_REQUIRE_EQ(0, symlink("../../snap/..", "root/name/snap/up"));
	check_resolve(root, "etc", NULL, EX_NOINPUT, "etc: no such snapshot");
	check_resolve(root, "up", NULL, EX_NOINPUT, "up: no such snapshot");
	ATF_CHECK_EQ(-1, root_new_begin(&n, root, ROOT_SNAP, "etc", &err));
	ATF_CHECK_EQ(EX_CANTCREAT, err.code);
	ATF_CHECK(is_there("root/name/snap/etc"));
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(new__seen_only_when_published);
ATF_TC_BODY(new__seen_only_when_published, tc)
{
	struct root *root = open_root();
	struct root_new n, second;
	struct error err = { 0 };
	struct strv ids = { 0 };
	struct timespec when;

	ATF_REQUIRE_EQ(0, root_new_begin(&n, root, ROOT_SNAP, "web", &err));
	check_resolve(root, "web", NULL, EX_NOINPUT, "web: no such snapshot");
	check_resolve(root, n.id, NULL, EX_NOINPUT,
	    (snprintf(err.msg, sizeof(err.msg), "%s: no such snapshot", n.id),
		err.msg));
	ATF_CHECK_EQ(0, root_list(&ids, root, ROOT_SNAP, &err));
	ATF_CHECK_EQ(0, ids.n);
	ATF_CHECK_EQ(-1, root_access_time(&when, root, n.id, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);

	/* Its name is taken already. */
	ATF_CHECK_EQ(-1, root_new_begin(&second, root, ROOT_SNAP, "web", &err));
	ATF_CHECK_EQ(EX_CANTCREAT, err.code);
	ATF_CHECK_STREQ("web: the name is taken: --replace moves it", err.msg);

	ATF_REQUIRE_EQ(0, root_new_publish(&n, true, &err));
	check_resolve(root, "web", n.id, 0, NULL);
	ATF_CHECK_EQ(0, root_access_time(&when, root, n.id, &err));
	ATF_CHECK_EQ(-1, root_new_begin(&second, root, ROOT_SNAP, "web", &err));
	ATF_CHECK_EQ(EX_CANTCREAT, err.code);
	root_new_end(&n);
	root_new_end(&n);
	check_resolve(root, "web", n.id, 0, NULL);
	ATF_CHECK_EQ(0, root_list(&ids, root, ROOT_SNAP, &err));
	ATF_CHECK_EQ(1, ids.n);
	strv_fini(&ids);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(new__given_up);
ATF_TC_BODY(new__given_up, tc)
{
	struct root *root = open_root();
	struct root_new n;
	struct error err = { 0 };
	int fd;

	ATF_REQUIRE_EQ(0, root_new_begin(&n, root, ROOT_VM, "web", &err));
	fd = openat(n.dirfd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1);
	fd_drop(&fd);
	ATF_CHECK(is_there("root/name/vm/web"));
	root_new_end(&n);
	ATF_CHECK(!is_there("root/name/vm/web"));
	/* rmdir(2) proves that nothing is left. */
	ATF_CHECK_EQ(0, rmdir("root/vm"));
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(new__not_a_name);
ATF_TC_BODY(new__not_a_name, tc)
{
	static const char *const bad[] = { "../x", ".x", "a b", "-x", A32 A32 };
	struct root *root = open_root();
	struct root_new n;
	struct error err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ATF_CHECK_EQ_MSG(-1,
		    root_new_begin(&n, root, ROOT_VM, bad[i], &err), "%s",
		    bad[i]);
		ATF_CHECK_EQ(EX_USAGE, err.code);
	}
	ATF_CHECK_EQ(0, rmdir("root/vm"));
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(new__name_of_a_killed_one);
ATF_TC_BODY(new__name_of_a_killed_one, tc)
{
	struct root *root = open_root();
	struct root_new n;
	char id[ID_LEN + 1];
	pid_t pid;
	int status;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		if (root_new_begin(&n, root, ROOT_SNAP, "web", NULL) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE(WIFSIGNALED(status));
	check_resolve(root, "web", NULL, EX_NOINPUT, "web: no such snapshot");
	make(id, root, ROOT_SNAP, "web");
	check_resolve(root, "web", id, 0, NULL);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(new__one_of_many_wins);
ATF_TC_BODY(new__one_of_many_wins, tc)
{
	struct root *root = open_root();
	struct root_new n;
	struct error err = { 0 };
	char id[ID_LEN + 1];
	int i, round, status, won;

	for (round = 0; round < 20; round++) {
		/* A dead name each time: all take it over at once. */
		ATF_REQUIRE_EQ(0,
		    symlink("../../snap/abcdefghijklmnopqrstuvwxyz",
			"root/name/snap/web"));
		for (i = 0; i < 8; i++) {
			if (fork() != 0)
				continue;
			if (root_new_begin(&n, root, ROOT_SNAP, "web", &err) ==
				0 &&
			    root_new_publish(&n, false, &err) == 0) {
				root_new_end(&n);
				_exit(0);
			}
			_exit(err.code);
		}
		for (i = won = 0; i < 8; i++) {
			ATF_REQUIRE(wait(&status) != -1);
			ATF_CHECK(WIFEXITED(status));
			if (WEXITSTATUS(status) == 0)
				won++;
			else
				ATF_CHECK_EQ(EX_CANTCREAT, WEXITSTATUS(status));
		}
		ATF_CHECK_EQ_MSG(1, won, "%d have the name", won);
		ATF_REQUIRE_EQ(0,
		    root_resolve(id, root, ROOT_SNAP, "web", &err));
		ATF_REQUIRE_EQ(0,
		    root_remove(root, ROOT_SNAP, id, "web", &err));
		ATF_CHECK(!is_there("root/name/snap/web"));
	}
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(remove__takes_name_and_access);
ATF_TC_BODY(remove__takes_name_and_access, tc)
{
	struct root *root = open_root();
	char id[ID_LEN + 1], path[128];
	struct error err = { 0 };
	int fd;

	make(id, root, ROOT_SNAP, "web");
	ATF_REQUIRE_EQ(0, root_lock(&fd, root, ROOT_SNAP, id, true, 0, &err));
	ATF_REQUIRE_EQ_MSG(0, root_remove(root, ROOT_SNAP, id, "web", &err),
	    "%s", err.msg);
	fd_drop(&fd);
	ATF_CHECK(!is_there("root/name/snap/web"));
	snprintf(path, sizeof(path), "root/access/%s", id);
	ATF_CHECK(!is_there(path));
	ATF_CHECK_EQ(0, rmdir("root/snap"));
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(remove__leaves_the_name_of_another);
ATF_TC_BODY(remove__leaves_the_name_of_another, tc)
{
	struct root *root = open_root();
	char id[ID_LEN + 1], other[ID_LEN + 1];
	struct error err = { 0 };

	make(other, root, ROOT_SNAP, "web");
	make(id, root, ROOT_SNAP, "");
	/* As when the record of `id` says so, but the link does not. */
	ATF_REQUIRE_EQ(0, root_remove(root, ROOT_SNAP, id, "web", &err));
	check_resolve(root, "web", other, 0, NULL);
	ATF_CHECK_EQ(-1, root_remove(root, ROOT_SNAP, id, "", &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(lock__shared_and_exclusive);
ATF_TC_BODY(lock__shared_and_exclusive, tc)
{
	struct root *root = open_root();
	char id[ID_LEN + 1], message[64];
	struct error err = { 0 };
	int a = -1, b = -1, c = -1;

	make(id, root, ROOT_SNAP, "");
	snprintf(message, sizeof(message), "%s: busy", id);
	ATF_CHECK_EQ(0, root_lock(&a, root, ROOT_SNAP, id, false, 0, &err));
	ATF_CHECK_EQ(0, root_lock(&b, root, ROOT_SNAP, id, false, 0, &err));
	ATF_CHECK_EQ(-1, root_lock(&c, root, ROOT_SNAP, id, true, 0, &err));
	ATF_CHECK_EQ(EX_TEMPFAIL, err.code);
	ATF_CHECK_STREQ(message, err.msg);
	fd_drop(&a);
	fd_drop(&b);
	ATF_CHECK_EQ(0, root_lock(&c, root, ROOT_SNAP, id, true, 0, &err));
	ATF_CHECK_EQ(-1, root_lock(&a, root, ROOT_SNAP, id, false, 0, &err));
	fd_drop(&c);
	ATF_CHECK_EQ(-1,
	    root_lock(&a, root, ROOT_SNAP, "../vm", false, 0, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK_MATCH("^\\.\\./vm: no such snapshot in .*/root$", err.msg);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(lock__waiter_of_a_removed_one);
ATF_TC_BODY(lock__waiter_of_a_removed_one, tc)
{
	struct root *root = open_root();
	struct error err = { 0 };
	char id[ID_LEN + 1];
	int fd, mine, status;
	pid_t pid;

	make(id, root, ROOT_VM, "");
	ATF_REQUIRE_EQ(0, root_lock(&mine, root, ROOT_VM, id, true, 0, &err));
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		fd_drop(&mine);
		if (root_lock(&fd, root, ROOT_VM, id, true, clock_ms() + 20000,
			&err) == 0)
			_exit(0);
		_exit(err.code);
	}
	clock_nap(200);
	ATF_REQUIRE_EQ(0, root_remove(root, ROOT_VM, id, "", &err));
	fd_drop(&mine);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK(WIFEXITED(status));
	ATF_CHECK_EQ(EX_NOINPUT, WEXITSTATUS(status));
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(list__sorted);
ATF_TC_BODY(list__sorted, tc)
{
	struct root *root = open_root();
	struct strv ids = { 0 };
	struct error err = { 0 };

	plant(root, ROOT_VM, "bbbbbbbbbbbbbbbbbbbbbbbbbb");
	plant(root, ROOT_VM, "aaaaaaaaaaaaaaaaaaaaaaaaaa");
	plant(root, ROOT_VM, ".new-aaaaaaaaaaaaaaaaaaaaaaaaaa");
	plant(root, ROOT_VM, "lost+found");
	ATF_CHECK_EQ(0, root_list(&ids, root, ROOT_VM, &err));
	ATF_REQUIRE_EQ(2, ids.n);
	ATF_CHECK_STREQ("aaaaaaaaaaaaaaaaaaaaaaaaaa", ids.v[0]);
	ATF_CHECK_STREQ("bbbbbbbbbbbbbbbbbbbbbbbbbb", ids.v[1]);
	strv_fini(&ids);
	root_close(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, resolve__table);
	ATF_TP_ADD_TC(tp, resolve__kinds_are_apart);
	ATF_TP_ADD_TC(tp, resolve__link_that_is_not_ours);
	ATF_TP_ADD_TC(tp, new__seen_only_when_published);
	ATF_TP_ADD_TC(tp, new__given_up);
	ATF_TP_ADD_TC(tp, new__not_a_name);
	ATF_TP_ADD_TC(tp, new__name_of_a_killed_one);
	ATF_TP_ADD_TC(tp, new__one_of_many_wins);
	ATF_TP_ADD_TC(tp, remove__takes_name_and_access);
	ATF_TP_ADD_TC(tp, remove__leaves_the_name_of_another);
	ATF_TP_ADD_TC(tp, lock__shared_and_exclusive);
	ATF_TP_ADD_TC(tp, lock__waiter_of_a_removed_one);
	ATF_TP_ADD_TC(tp, list__sorted);
	return atf_no_error();
}
