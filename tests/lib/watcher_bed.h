/* SPDX-License-Identifier: ISC */
/* VMs whose VMMs are children of the test, and a tool that ends as told. */
#ifndef TESTS_WATCHER_BED_H
#define TESTS_WATCHER_BED_H

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "vmm/watcher.h"

#include "lib/locked.h"

#define ID "abcdefghijklmnopqrstuvwxyz"
#define HIDDEN ".new-" ID
#define GREETING                                                               \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "    \
	"\"major\": 7}, \"package\": \"\"}, \"capabilities\": []}}\r\n"
#define WAIT_MS 20000 /* for what must come */
#define REFUSES_ALWAYS 1000000

/* What a VMM was told, in memory that all processes see. */
struct told {
	volatile bool is_running;
	volatile int refuse; /* so many orders to go on */
	volatile int conts; /* those that were followed */
	volatile int forwards; /* ports that it was to listen on */
};

/* A VM in its directory, and the child that is its VMM. */
struct one {
	struct vm vm;
	int dirfd; /* holds its lock in the tool */
	struct told *told;
};

/* What the tool does when its watcher is there. */
enum end {
	SAYS_SO, /* all is well */
	EXITS,
	IS_KILLED,
	LEAVES /* the rest to the watcher, and lives on */
};

static struct root *
open_root(void)
{
	struct root *root;
	char path[4096];

	ATF_REQUIRE(getcwd(path, sizeof(path) - 8) != NULL);
	strncat(path, "/root", 6);
	ATF_REQUIRE_EQ(0, root_open(&root, path, NULL));
	return root;
}

/* The answer to one command; *text lives until the next. */
static void
answer(int fd, const json_t *order, struct told *told)
{
	const char *what = json_string_value(json_object_get(order, "execute"));
	json_int_t id = json_integer_value(json_object_get(order, "id"));
	const char *line = json_string_value(
	    json_object_get(json_object_get(order, "arguments"),
		"command-line"));
	char text[256];

	if (strcmp(what, "query-status") == 0)
		snprintf(text, sizeof(text),
		    "{\"return\": {\"status\": \"%s\"}, \"id\": %lld}\r\n",
		    told->is_running ? "running" : "paused", (long long)id);
	else if (strcmp(what, "cont") == 0 && told->refuse > 0) {
		told->refuse--;
		snprintf(text, sizeof(text),
		    "{\"error\": {\"desc\": \"no\"}, \"id\": %lld}\r\n",
		    (long long)id);
	} else if (strcmp(what, "human-monitor-command") == 0) {
		told->forwards += line != NULL &&
		    strncmp(line, "hostfwd_add ", 12) == 0;
		snprintf(text, sizeof(text),
		    "{\"return\": \"\", \"id\": %lld}\r\n", (long long)id);
	} else
		snprintf(text, sizeof(text),
		    "{\"return\": {}, \"id\": %lld}\r\n", (long long)id);
	if (strcmp(what, "cont") == 0 && strstr(text, "return") != NULL) {
		told->is_running = true;
		told->conts++;
	}
	/* Who asked may have left, as may one of QEMU's. */
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* One client after another, as QEMU has them. */
static void
serve(int listening, struct told *told)
{
	char line[4096];
	json_t *order;
	FILE *f;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	while ((fd = accept(listening, NULL, NULL)) != -1) {
		if (send(fd, GREETING, strlen(GREETING), MSG_NOSIGNAL) == -1)
			_exit(1);
		f = fdopen(fd, "r+");
		while (fgets(line, sizeof(line), f) != NULL) {
			order = json_loads(line, 0, NULL);
			answer(fd, order, told);
			json_decref(order);
		}
		fclose(f);
	}
	_exit(0);
}

/* The VM in the directory `name` of the root, its VMM running. */
static void
begin(struct one *one, struct root *root, const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = VM_WATCH_SOCKET };
	int here, fd;
	pid_t pid;

	memset(one, 0, sizeof(*one));
	one->told = mmap(NULL, sizeof(*one->told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(one->told != MAP_FAILED);
	vm_init(&one->vm);
	snprintf(one->vm.id, sizeof(one->vm.id), ID);
	snprintf(one->vm.machine.hypervisor, sizeof(one->vm.machine.hypervisor),
	    "qemu");
	ATF_REQUIRE_EQ(0, mkdirat(root_kind_fd(root, ROOT_VM), name, 0700));
	ATF_REQUIRE_EQ(0,
	    fd_open_dir(&one->dirfd, root_kind_fd(root, ROOT_VM), name, false,
		NULL));
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(here != -1 && fchdir(one->dirfd) == 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(
	    fd != -1 && bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ATF_REQUIRE(listen(fd, 1) == 0 && fchdir(here) == 0);
	close(here);
	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		/* Else it would have the lock, too. */
		close(one->dirfd);
		serve(fd, one->told);
	}
	close(fd);
	ATF_REQUIRE_EQ(0, proc_identify(&one->vm.proc, pid, NULL));
}

static void
finish(struct one *one)
{
	kill(one->vm.proc.pid, SIGKILL);
	waitpid(one->vm.proc.pid, NULL, 0);
	fd_drop(&one->dirfd);
	vm_fini(&one->vm);
	munmap(one->told, sizeof(*one->told));
}

/*
 * The tool: a child that takes the VMs' locks, starts a watcher, and ends as
 * `end` says; the code of an error is its status.
 */
static pid_t
run_tool(struct root *root, struct one *v, size_t n, const bool *stays,
    enum end end)
{
	struct watcher watcher = WATCHER_NONE;
	struct watched watched[3];
	struct error err = { 0 };
	pid_t pid = fork();
	size_t i;

	ATF_REQUIRE(pid != -1);
	if (pid != 0)
		return pid;
	for (i = 0; i < n; i++) {
		/* A lock of its own, not shared with the test. */
		watched[i].dirfd = openat(v[i].dirfd, ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (lock_fd(watched[i].dirfd, LOCK_EXCLUSIVE, 0, "vm", NULL) ==
		    -1)
			_exit(2);
		watched[i].vm = &v[i].vm;
		watched[i].stays_paused = stays[i];
	}
	if (watcher_start(&watcher, root, watched, n, &err) == -1)
		_exit(err.code);
	switch (end) {
	case SAYS_SO:
		watcher_end(&watcher);
		break;
	case IS_KILLED:
		raise(SIGKILL);
		break;
	case LEAVES:
		watcher_leave(&watcher);
		pause();
		break;
	case EXITS:
		break;
	}
	_exit(0);
}

static void
check_ends(pid_t pid, enum end end)
{
	int status;

	if (end == LEAVES)
		kill(pid, SIGKILL);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	if (end == IS_KILLED || end == LEAVES)
		ATF_CHECK(WIFSIGNALED(status));
	else
		ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The watcher of the VM has ended: nobody has its lock any more. */
static void
await_end(const struct one *one)
{
	int64_t deadline_ms = clock_ms() + WAIT_MS;

	while (is_locked(one->dirfd)) {
		ATF_REQUIRE_MSG(clock_left(deadline_ms) > 0,
		    "the watcher does not end");
		clock_nap(10);
	}
}

static void
await_running(const struct one *one)
{
	int64_t deadline_ms = clock_ms() + WAIT_MS;

	while (!one->told->is_running) {
		ATF_REQUIRE_MSG(clock_left(deadline_ms) > 0,
		    "the guest is not resumed");
		clock_nap(10);
	}
}

#endif
