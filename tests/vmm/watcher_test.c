/* SPDX-License-Identifier: ISC */
/*
 * The watcher beside a tool that ends in this way or that, with children in the
 * place of VMMs, which speak QEMU's protocol and note what they are told.
 */
#include "vmm/watcher.h"

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
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		_exit(1);
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
		if (write(fd, GREETING, strlen(GREETING)) == -1)
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
	snprintf(one->vm.hypervisor, sizeof(one->vm.hypervisor), "qemu");
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

	while (lock_is_held(one->dirfd)) {
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

static const bool neither[2] = { false, false };

ATF_TC_WITHOUT_HEAD(end__all_is_well);
ATF_TC_BODY(end__all_is_well, tc)
{
	struct root *root = open_root();
	struct one one;
	int i;

	begin(&one, root, ID);
	/* It ends right behind its word, too. */
	for (i = 0; i < 20; i++) {
		check_ends(run_tool(root, &one, 1, neither, SAYS_SO), SAYS_SO);
		await_end(&one);
		ATF_REQUIRE_EQ(0, one.told->conts);
	}
	finish(&one);
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(end__without_a_word);
ATF_TC_BODY(end__without_a_word, tc)
{
	static const enum end ends[] = { EXITS, IS_KILLED };
	struct root *root = open_root();
	struct one one;
	size_t i;

	begin(&one, root, ID);
	for (i = 0; i < 2; i++) {
		one.told->is_running = false;
		check_ends(run_tool(root, &one, 1, neither, ends[i]), ends[i]);
		await_end(&one);
		ATF_CHECK(one.told->is_running);
		ATF_CHECK_EQ((int)i + 1, one.told->conts);
	}
	finish(&one);
	root_close(root);
}

/* The tool lives, and can do no more. */
ATF_TC_WITHOUT_HEAD(leave__goes_on);
ATF_TC_BODY(leave__goes_on, tc)
{
	struct root *root = open_root();
	struct one one;
	pid_t pid;

	begin(&one, root, ID);
	one.told->refuse = 3;
	pid = run_tool(root, &one, 1, neither, LEAVES);
	await_running(&one);
	ATF_CHECK_EQ(0, one.told->refuse);
	check_ends(pid, LEAVES);
	await_end(&one);
	ATF_CHECK_EQ(1, one.told->conts);
	finish(&one);
	root_close(root);
}

/* Until the guest runs nobody else may have the VM. */
ATF_TC_WITHOUT_HEAD(lock__held_until_resumed);
ATF_TC_BODY(lock__held_until_resumed, tc)
{
	struct root *root = open_root();
	struct one one;

	begin(&one, root, ID);
	one.told->refuse = REFUSES_ALWAYS;
	check_ends(run_tool(root, &one, 1, neither, IS_KILLED), IS_KILLED);
	clock_nap(300);
	ATF_CHECK(lock_is_held(one.dirfd));
	ATF_CHECK(one.told->refuse < REFUSES_ALWAYS);
	one.told->refuse = 0;
	await_running(&one);
	await_end(&one);
	finish(&one);
	root_close(root);
}

/* Nobody waits for a guest whose VMM has ended. */
ATF_TC_WITHOUT_HEAD(lock__given_up_without_a_vmm);
ATF_TC_BODY(lock__given_up_without_a_vmm, tc)
{
	struct root *root = open_root();
	struct one one;

	begin(&one, root, ID);
	one.told->refuse = REFUSES_ALWAYS;
	check_ends(run_tool(root, &one, 1, neither, IS_KILLED), IS_KILLED);
	kill(one.vm.proc.pid, SIGKILL);
	await_end(&one);
	ATF_CHECK(!one.told->is_running);
	finish(&one);
	root_close(root);
}

/* Whoever reads the tool's output is not kept waiting by its watcher. */
ATF_TC_WITHOUT_HEAD(streams__not_kept);
ATF_TC_BODY(streams__not_kept, tc)
{
	struct root *root = open_root();
	struct pollfd pfd = { .events = POLLIN };
	int out[2], kept = dup(STDOUT_FILENO);
	struct one one;
	pid_t pid;
	char c;

	begin(&one, root, ID);
	one.told->refuse = REFUSES_ALWAYS;
	ATF_REQUIRE(pipe2(out, O_CLOEXEC) == 0);
	ATF_REQUIRE(dup2(out[1], STDOUT_FILENO) != -1);
	close(out[1]);
	pid = run_tool(root, &one, 1, neither, IS_KILLED);
	ATF_REQUIRE(dup2(kept, STDOUT_FILENO) != -1);
	close(kept);
	check_ends(pid, IS_KILLED);
	pfd.fd = out[0];
	ATF_REQUIRE_EQ(1, poll(&pfd, 1, WAIT_MS));
	ATF_CHECK_EQ(0, read(out[0], &c, 1));
	ATF_CHECK(lock_is_held(one.dirfd));
	close(out[0]);
	one.told->refuse = 0;
	await_end(&one);
	finish(&one);
	root_close(root);
}

static void
add_forward(struct vm *vm)
{
	struct nic_forward forward = { .port = 2222, .guest_port = 22 };
	struct nic nic = { .kind = NIC_USER,
		.forwards = &forward,
		.forwards_n = 1 };

	snprintf(nic.mac, sizeof(nic.mac), "52:54:00:12:34:56");
	snprintf(forward.addr, sizeof(forward.addr), "127.0.0.1");
	ATF_REQUIRE_EQ(0, nic_list_add(&vm->nics, &nic, NULL));
}

/*
 * Two VMs that change places: of which directory has the name, that one is
 * left, runs unless it is to stay paused, and has the forwards.
 */
static void
check_two(size_t left, bool stays)
{
	const bool stay[2] = { stays && left == 0, stays && left == 1 };
	struct root *root = open_root();
	struct one v[2];
	int status;

	begin(&v[left], root, ID);
	begin(&v[1 - left], root, HIDDEN);
	add_forward(&v[0].vm);
	add_forward(&v[1].vm);
	check_ends(run_tool(root, v, 2, stay, IS_KILLED), IS_KILLED);
	await_end(&v[0]);
	await_end(&v[1]);
	ATF_CHECK_EQ(!stays, v[left].told->is_running);
	ATF_CHECK_EQ(1, v[left].told->forwards);
	ATF_CHECK_EQ(0, v[1 - left].told->conts);
	ATF_CHECK_EQ(0, v[1 - left].told->forwards);
	ATF_CHECK_EQ(v[1 - left].vm.proc.pid,
	    waitpid(v[1 - left].vm.proc.pid, &status, WNOHANG));
	ATF_CHECK_EQ(0, waitpid(v[left].vm.proc.pid, &status, WNOHANG));
	finish(&v[0]);
	finish(&v[1]);
	ATF_REQUIRE_EQ(0, fd_remove_tree(AT_FDCWD, "root", NULL));
	root_close(root);
}

ATF_TC_WITHOUT_HEAD(two__one_is_left);
ATF_TC_BODY(two__one_is_left, tc)
{
	check_two(0, false);
	check_two(1, false);
	check_two(0, true);
	check_two(1, true);
}

/* With a word both go on as the tool has them. */
ATF_TC_WITHOUT_HEAD(two__all_is_well);
ATF_TC_BODY(two__all_is_well, tc)
{
	struct root *root = open_root();
	struct one v[2];
	size_t i;

	begin(&v[0], root, ID);
	begin(&v[1], root, HIDDEN);
	check_ends(run_tool(root, v, 2, neither, SAYS_SO), SAYS_SO);
	for (i = 0; i < 2; i++) {
		await_end(&v[i]);
		ATF_CHECK_EQ(0, v[i].told->conts);
		ATF_CHECK(vm_is_alive(&v[i].vm));
		finish(&v[i]);
	}
	root_close(root);
}

/* Neither has the name: nobody knows which is the right one. */
ATF_TC_WITHOUT_HEAD(two__none_in_place);
ATF_TC_BODY(two__none_in_place, tc)
{
	struct root *root = open_root();
	struct one v[2];
	size_t i;

	begin(&v[0], root, HIDDEN);
	begin(&v[1], root, "other");
	check_ends(run_tool(root, v, 2, neither, IS_KILLED), IS_KILLED);
	for (i = 0; i < 2; i++) {
		await_end(&v[i]);
		ATF_CHECK_EQ(0, v[i].told->conts);
		ATF_CHECK(vm_is_alive(&v[i].vm));
		finish(&v[i]);
	}
	root_close(root);
}

/* A pause is not begun without one. */
ATF_TC_WITHOUT_HEAD(start__refused);
ATF_TC_BODY(start__refused, tc)
{
	struct watcher watcher = WATCHER_NONE;
	struct root *root = open_root();
	struct watched watched[3] = { { .dirfd = -1 } };
	struct error err = { 0 };
	struct one one;

	begin(&one, root, ID);
	watched[0].vm = &one.vm;
	watched[0].dirfd = one.dirfd;
	ATF_CHECK_EQ(-1, watcher_start(&watcher, root, watched, 3, &err));
	ATF_CHECK_EQ(EX_SOFTWARE, err.code);
	/* Nobody listens. */
	ATF_REQUIRE_EQ(0, unlinkat(one.dirfd, VM_WATCH_SOCKET, 0));
	ATF_CHECK_EQ(-1, watcher_start(&watcher, root, watched, 1, &err));
	ATF_CHECK_EQ(EX_UNAVAILABLE, err.code);
	ATF_CHECK_STREQ("no watcher could be started", err.msg);
	ATF_CHECK_EQ(0, watcher.pid);
	ATF_CHECK_EQ(-1, watcher.word);
	/* What was never started, or has ended, takes any of the two. */
	watcher_end(&watcher);
	watcher_leave(&watcher);
	watcher_end(&watcher);
	ATF_CHECK_EQ(0, one.told->conts);
	finish(&one);
	root_close(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, end__all_is_well);
	ATF_TP_ADD_TC(tp, end__without_a_word);
	ATF_TP_ADD_TC(tp, leave__goes_on);
	ATF_TP_ADD_TC(tp, lock__held_until_resumed);
	ATF_TP_ADD_TC(tp, lock__given_up_without_a_vmm);
	ATF_TP_ADD_TC(tp, streams__not_kept);
	ATF_TP_ADD_TC(tp, two__one_is_left);
	ATF_TP_ADD_TC(tp, two__all_is_well);
	ATF_TP_ADD_TC(tp, two__none_in_place);
	ATF_TP_ADD_TC(tp, start__refused);
	return atf_no_error();
}
