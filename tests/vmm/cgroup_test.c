/* SPDX-License-Identifier: ISC */
#include "vmm/cgroup.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

ATF_TC_WITHOUT_HEAD(parse__grammar);
ATF_TC_BODY(parse__grammar, tc)
{
	static const char *const wrong[] = { "", "Auto", "group",
		"none,pids=99", "auto,", "auto,pids=15", "auto,cpu-weight=0",
		"auto,cpu-weight=10001", "/g,io-weight=x", "/g,memory=1",
		"auto,weight=3", "auto,pids", "auto,memory=1G,memory=2G",
		"/g,pids=99,pids=99",
		"auto,cpu-weight=1,io-weight=1,io-weight=1" };
	struct cgroup_spec s;
	struct error err = { 0 };
	size_t i;

	ATF_REQUIRE_EQ(0, cgroup_parse(&s, NULL, &err));
	ATF_CHECK_EQ(CGROUP_NONE, s.kind);
	ATF_REQUIRE_EQ(0, cgroup_parse(&s, "none", &err));
	ATF_CHECK_EQ(CGROUP_NONE, s.kind);
	ATF_REQUIRE_EQ(0,
	    cgroup_parse(&s,
		"/g/h,memory=64M,cpu-weight=1,io-weight=10000,pids=16", &err));
	ATF_CHECK_EQ(CGROUP_PATH, s.kind);
	ATF_CHECK_STREQ("/g/h", s.path);
	ATF_CHECK_EQ(UINT64_C(64) << 20, s.memory_bytes);
	ATF_CHECK_EQ(1, s.cpu_weight);
	ATF_CHECK_EQ(10000, s.io_weight);
	ATF_CHECK_EQ(16, s.pids);
	cgroup_spec_fini(&s);
	ATF_REQUIRE_EQ(0, cgroup_parse(&s, "auto", &err));
	ATF_CHECK_EQ(CGROUP_AUTO, s.kind);
	ATF_CHECK_EQ(CGROUP_PIDS, s.pids);
	ATF_CHECK_EQ(0, s.memory_bytes);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err.code = 0;
		ATF_CHECK_EQ_MSG(-1, cgroup_parse(&s, wrong[i], &err), "%s",
		    wrong[i]);
		ATF_CHECK_EQ_MSG(EX_USAGE, err.code, "%s: %s", wrong[i],
		    err.msg);
	}
}

static void
put(const char *dir, const char *name, const char *text)
{
	char path[4200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ATF_REQUIRE(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void
check_file(const char *dir, const char *name, const char *wanted)
{
	char path[4200], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	ATF_REQUIRE_MSG(f != NULL, "%s", path);
	ATF_CHECK(fgets(text, sizeof(text), f) != NULL || wanted[0] == '\0');
	ATF_CHECK_STREQ_MSG(wanted, text, "%s", name);
	fclose(f);
}

/*
 * Files that stand still in the kernel's place: the group is there already, as
 * one that a killed tool has left, and one of its controllers is missing.
 */
ATF_TC_WITHOUT_HEAD(make__limits);
ATF_TC_BODY(make__limits, tc)
{
	static const char *const files[] = { "cgroup.procs", "memory.max",
		"pids.max", "cpu.weight", "memory.oom.group" };
	char cwd[2048], place[2100], group[2200], choice[2200];
	struct error err = { 0 };
	json_t *record = json_object(), *obj;
	struct vm vm;
	size_t i;
	int fd;

	ATF_REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	vm_init(&vm);
	snprintf(vm.id, sizeof(vm.id), "aaaaaaaaaaaaaaaaaaaaaaaaaa");
	vm.machine.memory_bytes = UINT64_C(64) << 20;
	vm.accel = VM_ACCEL_KVM;
	snprintf(place, sizeof(place), "%s/tree", cwd);
	snprintf(group, sizeof(group), "%s/instar-%s.%ld", place, vm.id,
	    (long)getpid());
	snprintf(choice, sizeof(choice), "%s,cpu-weight=50,io-weight=7", place);
	ATF_REQUIRE_EQ(0, vm_set_cgroup_choice(&vm, choice, &err));

	/* No such directory, then one that is no group. */
	ATF_CHECK_EQ(-1, cgroup_make(&fd, &vm, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_REQUIRE_EQ(0, mkdir(place, 0755));
	ATF_CHECK_EQ(-1, cgroup_make(&fd, &vm, &err));
	ATF_CHECK_EQ(EX_NOINPUT, err.code);
	ATF_CHECK(strstr(err.msg, "no control group") != NULL);
	ATF_CHECK_EQ(-1, access(group, F_OK));

	put(place, "cgroup.procs", "");
	put(place, "cgroup.subtree_control", "");
	ATF_REQUIRE_EQ(0, mkdir(group, 0755));
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(group, files[i], "");
	ATF_REQUIRE_EQ_MSG(0, cgroup_make(&fd, &vm, &err), "%s", err.msg);
	ATF_CHECK_STREQ(group, vm.cgroup);
	check_file(group, "memory.max", "335544320"); /* 64 and 256 MiB */
	check_file(group, "pids.max", "1024");
	check_file(group, "cpu.weight", "50");
	check_file(group, "memory.oom.group", "1");
	ATF_REQUIRE_EQ(0, cgroup_join(fd));
	check_file(group, "cgroup.procs", "0");
	fd_drop(&fd);

	put(group, "memory.current", "4096\n");
	put(group, "memory.max", "max\n");
	put(group, "memory.events", "low 0\noom 3\noom_kill 2\n");
	put(group, "cpu.stat", "usage_usec 77\nuser_usec 70\n");
	put(group, "io.stat",
	    "8:0 rbytes=1 wbytes=2 rios=1\n8:16 rbytes=10 wbytes=20\n");
	ATF_CHECK_EQ(CGROUP_WANT_OWN, cgroup_find_want(&vm));
	ATF_REQUIRE_EQ(0, cgroup_report(record, &vm, &err));
	obj = json_object_get(record, "cgroup");
	ATF_CHECK_STREQ(group, json_string_value(json_object_get(obj, "path")));
	ATF_CHECK_EQ(4096, json_integer_value(json_object_get(obj, "memory")));
	ATF_CHECK(json_object_get(obj, "memory_max") == NULL);
	ATF_CHECK_EQ(2, json_integer_value(json_object_get(obj, "oom_kills")));
	ATF_CHECK_EQ(77, json_integer_value(json_object_get(obj, "cpu_us")));
	ATF_CHECK_EQ(11, json_integer_value(json_object_get(obj, "io_read")));
	ATF_CHECK_EQ(22,
	    json_integer_value(json_object_get(obj, "io_written")));
	json_decref(record);
	vm_fini(&vm);
}

ATF_TC_WITHOUT_HEAD(want__of_whose_memory);
ATF_TC_BODY(want__of_whose_memory, tc)
{
	static const struct {
		const char *events;
		enum cgroup_want want;
	} cases[] = {
		{ "max 9\noom 0\noom_kill 0\noom_group_kill 0\n",
		    CGROUP_WANT_NONE },
		/* What asked for more was refused it, and lives. */
		{ "max 9\noom 2\noom_kill 0\noom_group_kill 0\n",
		    CGROUP_WANT_NONE },
		{ "max 9\noom 1\noom_kill 1\noom_group_kill 1\n",
		    CGROUP_WANT_OWN },
		{ "max 0\noom 0\noom_kill 1\noom_group_kill 0\n",
		    CGROUP_WANT_OTHERS },
	};
	struct vm vm;
	size_t i;

	vm_init(&vm);
	ATF_CHECK_EQ(CGROUP_WANT_NONE, cgroup_find_want(&vm));
	vm.cgroup = strdup("group");
	ATF_CHECK_EQ(CGROUP_WANT_NONE, cgroup_find_want(&vm));
	ATF_REQUIRE_EQ(0, mkdir("group", 0755));
	ATF_CHECK_EQ(CGROUP_WANT_NONE, cgroup_find_want(&vm));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put("group", "memory.events", cases[i].events);
		ATF_CHECK_EQ_MSG(cases[i].want, cgroup_find_want(&vm), "%s",
		    cases[i].events);
	}
	vm_fini(&vm);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse__grammar);
	ATF_TP_ADD_TC(tp, make__limits);
	ATF_TP_ADD_TC(tp, want__of_whose_memory);
	return atf_no_error();
}
