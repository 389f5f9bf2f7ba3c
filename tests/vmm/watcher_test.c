/* SPDX-License-Identifier: ISC */
/*
 * The watcher beside a tool that ends in this way or that, with children in the
 * place of VMMs, which speak QEMU's protocol and note what they are told.
 */
#include "vmm/watcher.h"

#include "lib/watcher_bed.h"

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
	ATF_CHECK(is_locked(one.dirfd));
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
	ATF_CHECK(is_locked(one.dirfd));
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
	ATF_REQUIRE_EQ(0, nic_list_add(&vm->machine.nics, &nic, NULL));
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
