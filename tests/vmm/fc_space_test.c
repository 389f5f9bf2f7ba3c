/* SPDX-License-Identifier: ISC */
#include "vmm/fc/fc_space.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ATF_TC_WITHOUT_HEAD(replace__names);
ATF_TC_BODY(replace__names, tc)
{
	static const struct {
		const char *origin;
		bool can;
	} cases[] = {
		{ "/srv/vm/web/cow.raw", true },
		{ "/x", true },
		{ "disk.raw", true },
		{ "", false },
		{ "/", false },
		{ "/srv/", false },
		{ "/srv//x", false },
		{ "/srv/./x", false },
		{ "/srv/../etc/shadow", false },
		{ "/..", false },
		{ "../x", false },
		{ "a/b", false },
		{ ".hidden", false },
		{ "vm.json", false },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ATF_CHECK_EQ_MSG(cases[i].can,
		    fc_space_can_replace(cases[i].origin), "\"%s\"",
		    cases[i].origin);
}

static void
make_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	ATF_REQUIRE(file != NULL);
	fputs(text, file);
	ATF_REQUIRE(fclose(file) == 0);
}

/*
 * A state that calls one disk as another's file is called would get the other
 * one; and what stands there is no link that could go after the load.
 */
ATF_TC_WITHOUT_HEAD(prepare__name_of_another_file);
ATF_TC_BODY(prepare__name_of_another_file, tc)
{
	char cow[] = "cow.raw", data[] = "data.raw", old[] = "old.raw",
	     other[] = "other.raw";
	static const struct {
		int origins[2]; /* in names[]; -1: none */
		const char *message; /* NULL: good */
	} cases[] = {
		{ { 2, -1 }, NULL },
		{ { 2, 3 }, NULL },
		{ { 0, 1 }, NULL },
		{ { 1, -1 }, "disk 0: origin \"data.raw\" is disk 1's" },
		{ { 1, 0 }, "disk 0: origin \"data.raw\" is disk 1's" },
		{ { 3, 0 }, "disk 1: origin \"cow.raw\" is disk 0's" },
		{ { 2, 2 }, "disk 0: origin \"old.raw\" is disk 1's" },
	};
	char *names[] = { cow, data, old, other };
	struct storage disks[2] = { { .path = cow }, { .path = data } };
	struct vm vm = { .machine.disks = { .v = disks, .n = 2 } };
	struct fc_space space = { 0 };
	struct error err;
	size_t i, k;
	int rc;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_file(cow, "cow");
		make_file(data, "data");
		for (k = 0; k < 2; k++)
			disks[k].origin = cases[i].origins[k] == -1
			    ? NULL
			    : names[cases[i].origins[k]];
		memset(&err, 0, sizeof(err));
		/* Twice: a start that was killed has left its links. */
		for (k = 0; k < 2; k++) {
			rc = fc_space_prepare(&space, &vm, AT_FDCWD, &err);
			ATF_CHECK_EQ_MSG(cases[i].message == NULL ? 0 : -1, rc,
			    "case %zu: %s", i, err.msg);
			fc_space_fini(&space);
		}
		if (cases[i].message != NULL) {
			ATF_CHECK_EQ(EX_DATAERR, err.code);
			ATF_CHECK_STREQ(cases[i].message, err.msg);
		}
		unlink(old);
		unlink(other);
	}
	/* Nor any other file that is there. */
	make_file(old, "what the user has put here");
	disks[0].origin = old;
	disks[1].origin = NULL;
	ATF_CHECK_EQ(-1, fc_space_prepare(&space, &vm, AT_FDCWD, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_CHECK_STREQ("the state calls its disk old.raw: that is another "
			"file here",
	    err.msg);
}

static void
need_mounts(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) == -1)
			_exit(1);
		_exit(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1
			? 2
			: 0);
	}
	ATF_REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	ATF_REQUIRE(WIFEXITED(status));
	if (WEXITSTATUS(status) == 1)
		atf_tc_skip("mount namespaces are not for this user");
	if (WEXITSTATUS(status) == 2)
		atf_tc_skip("the root directory is no mount (a chroot)");
}

/*
 * Whether a process that has entered reads the VM's disk by the path that the
 * saved state has for it.
 */
static bool
sees_disk_at(const char *origin)
{
	struct storage disk = { .role = STORAGE_COW, .serial = "cocoon-cow" };
	struct fc_space space;
	struct error err;
	char text[8] = "";
	struct vm vm;
	int status;
	FILE *file;
	pid_t pid;

	vm_init(&vm);
	disk.path = strdup("cow.raw");
	disk.origin = strdup(origin);
	ATF_REQUIRE(disk.path != NULL && disk.origin != NULL);
	ATF_REQUIRE(storage_list_add(&vm.machine.disks, &disk, &err) == 0);
	free(disk.path);
	free(disk.origin);
	ATF_REQUIRE(fc_space_is_needed(&vm));
	ATF_REQUIRE_EQ_MSG(0, fc_space_prepare(&space, &vm, AT_FDCWD, &err),
	    "%s", err.msg);
	pid = fork();
	if (pid == 0) {
		if (fc_space_enter(&space) == -1)
			_exit(2);
		file = fopen(origin, "r");
		if (file == NULL)
			_exit(3);
		_exit(fgets(text, sizeof(text), file) == NULL ||
		    strcmp(text, "ours") != 0);
	}
	ATF_REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	ATF_REQUIRE(WIFEXITED(status));
	fc_space_fini(&space);
	vm_fini(&vm);
	return WEXITSTATUS(status) == 0;
}

/* The host's files stay as they are, there or not. */
ATF_TC_WITHOUT_HEAD(enter__only_this_process_sees_it);
ATF_TC_BODY(enter__only_this_process_sees_it, tc)
{
	char here[PATH_MAX - 64], origin[PATH_MAX], text[8] = "";
	FILE *file;

	need_mounts();
	ATF_REQUIRE(getcwd(here, sizeof(here)) != NULL);
	make_file("cow.raw", "ours");
	ATF_REQUIRE(mkdir("other", 0755) == 0);
	make_file("other/cow.raw", "theirs");

	snprintf(origin, sizeof(origin), "%s/other/cow.raw", here);
	ATF_CHECK(sees_disk_at(origin));
	file = fopen("other/cow.raw", "r");
	ATF_REQUIRE(file != NULL && fgets(text, sizeof(text), file) != NULL);
	fclose(file);
	ATF_CHECK_STREQ("theirs", text);

	snprintf(origin, sizeof(origin), "%s/other/a/b/disk.raw", here);
	ATF_CHECK(sees_disk_at(origin));
	ATF_CHECK(access("other/a", F_OK) == -1);
	ATF_CHECK(access("other/cow.raw", F_OK) == 0);
}

/* What cannot be covered gets no new directories. */
ATF_TC_WITHOUT_HEAD(enter__makes_nothing_of_the_hosts);
ATF_TC_BODY(enter__makes_nothing_of_the_hosts, tc)
{
	static const char *const above[] = { "/usr/lib", "" };
	char dir[64], origin[128];
	size_t i;

	need_mounts();
	make_file("cow.raw", "ours");
	for (i = 0; i < sizeof(above) / sizeof(above[0]); i++) {
		snprintf(dir, sizeof(dir), "%s/instar-test-%d", above[i],
		    (int)getpid());
		snprintf(origin, sizeof(origin), "%s/a/cow.raw", dir);
		ATF_CHECK(!sees_disk_at(origin));
		ATF_CHECK_MSG(access(dir, F_OK) == -1, "%s was made", dir);
		rmdir(dir);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, replace__names);
	ATF_TP_ADD_TC(tp, prepare__name_of_another_file);
	ATF_TP_ADD_TC(tp, enter__only_this_process_sees_it);
	ATF_TP_ADD_TC(tp, enter__makes_nothing_of_the_hosts);
	return atf_no_error();
}
