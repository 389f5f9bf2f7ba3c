/* SPDX-License-Identifier: ISC */
/*
 * The filters of system calls of every cage, for each version of Landlock, and
 * those of readers, by what becomes of the calls themselves: each filter is put
 * on a child.  The calls are made with arguments that do nothing.
 */
#include "vmm/host/cage.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/callfilter.h"
#include "base/sandbox_impl.h"

#define ABI_LAST 7

#define READER 1
#define VMM 2
#define BOTH (READER | VMM)

#define CALL(name) SYS_##name, #name
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Refused to these whatever they may do; the others' calls fail otherwise. */
static const struct {
	long number;
	const char *name;
	unsigned who;
} refused[] = {
	{ CALL(io_uring_setup), BOTH },
	{ CALL(listen), READER },
	{ CALL(accept), READER },
	{ CALL(accept4), READER },
	{ CALL(execve), READER },
	{ CALL(execveat), READER },
	{ CALL(ptrace), BOTH },
	{ CALL(process_vm_readv), BOTH },
	{ CALL(process_vm_writev), BOTH },
	{ CALL(pidfd_getfd), BOTH },
	{ CALL(process_madvise), BOTH },
	{ CALL(truncate), BOTH },
	{ CALL(fchmodat), BOTH },
	{ CALL(fchownat), BOTH },
	{ CALL(setxattr), BOTH },
	{ CALL(lsetxattr), BOTH },
	{ CALL(removexattr), BOTH },
	{ CALL(lremovexattr), BOTH },
	{ 452, "fchmodat2", BOTH },
	{ 463, "setxattrat", BOTH },
	{ 466, "removexattrat", BOTH },
	{ 469, "file_setattr", BOTH },
	{ CALL(open_by_handle_at), BOTH },
	{ CALL(fchmod), VMM },
	{ CALL(fchown), VMM },
	{ CALL(fsetxattr), VMM },
	{ CALL(fremovexattr), VMM },
	{ CALL(utimensat), VMM },
	{ CALL(shmget), VMM },
	{ CALL(shmat), VMM },
	{ CALL(shmctl), VMM },
	{ CALL(msgrcv), VMM },
	{ CALL(semget), VMM },
	{ CALL(semctl), VMM },
	{ CALL(mq_open), VMM },
	{ CALL(mq_unlink), VMM },
	{ CALL(mount), BOTH },
	{ CALL(umount2), BOTH },
	{ CALL(pivot_root), BOTH },
	{ CALL(chroot), BOTH },
	{ CALL(unshare), BOTH },
	{ CALL(setns), BOTH },
	{ CALL(open_tree), BOTH },
	{ CALL(move_mount), BOTH },
	{ CALL(fsopen), BOTH },
	{ CALL(fsmount), BOTH },
	{ CALL(mount_setattr), BOTH },
	{ CALL(bpf), BOTH },
	{ CALL(perf_event_open), BOTH },
	{ CALL(userfaultfd), READER },
	{ CALL(add_key), BOTH },
	{ CALL(request_key), BOTH },
	{ CALL(keyctl), BOTH },
	{ CALL(init_module), BOTH },
	{ CALL(finit_module), BOTH },
	{ CALL(delete_module), BOTH },
	{ CALL(kexec_load), BOTH },
	{ CALL(reboot), BOTH },
	{ CALL(swapon), BOTH },
	{ CALL(swapoff), BOTH },
	{ CALL(acct), BOTH },
	{ CALL(quotactl), BOTH },
	{ CALL(settimeofday), BOTH },
	{ CALL(clock_settime), BOTH },
	{ CALL(clock_adjtime), BOTH },
	{ CALL(adjtimex), BOTH },
	{ CALL(sethostname), BOTH },
	{ CALL(setdomainname), BOTH },
#ifdef SYS_chmod
	{ CALL(chmod), BOTH },
	{ CALL(chown), BOTH },
	{ CALL(lchown), BOTH },
	{ CALL(utime), VMM },
	{ CALL(utimes), VMM },
	{ CALL(futimesat), VMM },
#endif
#ifdef SYS_iopl
	{ CALL(iopl), BOTH },
	{ CALL(ioperm), BOTH },
#endif
};

/* In the child: what it says on stderr is the test's; it leaves with 1 then. */
struct trial {
	char what[64];
	bool is_wrong;
};

static void
expect(struct trial *t, const char *name, int sys, bool is_fine)
{
	if (is_fine)
		return;
	dprintf(STDERR_FILENO, "%s: %s: %s\n", t->what, name, strerror(sys));
	t->is_wrong = true;
}

/* The call with -1 for each argument: an address, descriptor or size of none. */
static int
call_error(long number)
{
	return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) == -1 ? errno : 0;
}

static void
try_refused(struct trial *t, unsigned who)
{
	size_t i;
	int sys;

	for (i = 0; i < COUNT(refused); i++) {
		sys = call_error(refused[i].number);
		if ((refused[i].who & who) != 0)
			expect(t, refused[i].name, sys, sys == EPERM);
		else if (geteuid() == 0) /* else the kernel itself refuses */
			expect(t, refused[i].name, sys, sys != EPERM);
	}
	sys = call_error(SYS_clone3);
	expect(t, "clone3", sys, sys == ENOSYS);
	sys = syscall(SYS_clone, CLONE_NEWUSER | CLONE_SIGHAND, 0, 0, 0, 0) ==
		-1
	    ? errno
	    : 0;
	expect(t, "clone", sys, sys == EPERM);
}

static int
done(int rc)
{
	return rc == -1 ? errno : 0;
}

/* What depends on what the VMM is for. */
static void
try_sockets(struct trial *t, const struct cage *cage)
{
	const bool local = cage->makes_sockets && !cage->has_user_nets;
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int sys;

	sys = done(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	expect(t, "local socket", sys, sys == (local ? 0 : EPERM));
	sys = done(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	expect(t, "TCP socket", sys, sys == (cage->has_user_nets ? 0 : EPERM));
	sys = done(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262));
	expect(t, "MPTCP socket", sys, sys == EPERM);
	sys = done(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
	expect(t, "netlink socket", sys, sys == EPERM);
	sys = done(connect(-1, (struct sockaddr *)&sin, sizeof(sin)));
	expect(t, "connect", sys, sys == (cage->has_user_nets ? EBADF : EPERM));
	sys = done(
	    (int)sendto(-1, "", 0, 0, (struct sockaddr *)&sin, sizeof(sin)));
	expect(t, "sendto", sys, sys == (local ? EPERM : EBADF));
	sys = done((int)sendto(-1, "", 0, MSG_FASTOPEN, NULL, 0));
	expect(t, "sendto, Fast Open", sys,
	    sys == (cage->has_user_nets ? EPERM : EBADF));
	sys = done((int)sendmsg(-1, NULL, 0));
	expect(t, "sendmsg", sys, sys == (local ? EPERM : EBADF));
}

static void
try_memory(struct trial *t, const struct cage *cage)
{
	int sys = done(madvise((void *)1, 4096, MADV_HUGEPAGE));

	/* An address that is no page's is EINVAL anyway. */
	expect(t, "huge pages at no page", sys, sys == EINVAL);
	sys = done(madvise(NULL, 0, MADV_HUGEPAGE));
	expect(t, "huge pages", sys, sys == (cage->refuses_huge ? EINVAL : 0));
	sys = done(madvise(NULL, 0, MADV_DONTNEED));
	expect(t, "no more need", sys, sys == 0);
}

/* A Landlock that does not ask about truncating is helped. */
static void
try_cuts(struct trial *t, const struct cage *cage)
{
	const bool helped = cage->rules.abi == 1 || cage->rules.abi == 2;
	int sys;

	sys = done(openat(AT_FDCWD, "file", O_RDONLY | O_TRUNC | O_CLOEXEC));
	expect(t, "openat that cuts", sys, sys == (helped ? EACCES : 0));
	sys = done(openat(AT_FDCWD, "file", O_RDWR | O_TRUNC | O_CLOEXEC));
	expect(t, "openat that writes", sys, sys == 0);
	sys = done(openat(AT_FDCWD, "file", O_RDONLY | O_CLOEXEC));
	expect(t, "openat", sys, sys == 0);
#ifdef SYS_open
	sys = done((int)syscall(SYS_open, "file", O_RDONLY | O_TRUNC));
	expect(t, "open that cuts", sys, sys == (helped ? EACCES : 0));
#endif
	sys = call_error(SYS_openat2);
	expect(t, "openat2", sys, helped == (sys == ENOSYS));
}

static void
try_cage(const struct cage *cage)
{
	struct trial t = { .is_wrong = false };

	snprintf(t.what, sizeof(t.what), "Landlock %d%s%s%s", cage->rules.abi,
	    cage->has_user_nets ? ", networks" : "",
	    cage->makes_sockets ? ", sockets" : "",
	    cage->refuses_huge ? ", no huge pages" : "");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    cage_filter_calls(cage) == -1)
		_exit(2);
	try_refused(&t, VMM);
	try_sockets(&t, cage);
	try_memory(&t, cage);
	try_cuts(&t, cage);
	_exit(t.is_wrong);
}

static void
try_reader(const struct sandbox *s)
{
	struct trial t = { .is_wrong = false };

	snprintf(t.what, sizeof(t.what), "reader%s%s",
	    s->may_connect ? ", connects" : "",
	    s->may_signal ? ", signals" : "");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    sandbox_filter(s, NULL) == -1)
		_exit(2);
	try_refused(&t, READER);
	_exit(t.is_wrong);
}

/* In a child, whose status it must be to leave with 0. */
static void
in_child(const struct cage *cage, const struct sandbox *s)
{
	int status = -1;
	pid_t pid = fork();

	ATF_REQUIRE(pid != -1);
	if (pid == 0 && cage != NULL)
		try_cage(cage);
	if (pid == 0)
		try_reader(s);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK_EQ_MSG(0, status, "status %d", status);
}

static void
need_filters(void)
{
	int fd;

	if (!callfilter_is_there())
		atf_tc_skip("no filters of system calls");
	fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ATF_REQUIRE(fd != -1);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(calls__of_a_vmm);
ATF_TC_BODY(calls__of_a_vmm, tc)
{
	unsigned how;
	int abi;

	need_filters();
	for (abi = 0; abi <= ABI_LAST; abi++)
		for (how = 0; how < 8; how++)
			in_child(&(struct cage){ .rules = { .fd = -1,
						     .abi = abi },
				     .has_user_nets = (how & 1) != 0,
				     .makes_sockets = (how & 2) != 0,
				     .refuses_huge = (how & 4) != 0 },
			    NULL);
}

ATF_TC_WITHOUT_HEAD(calls__of_a_reader);
ATF_TC_BODY(calls__of_a_reader, tc)
{
	const int dirfds[] = { -1 };
	unsigned how;

	need_filters();
	for (how = 0; how < 8; how++)
		in_child(NULL,
		    &(struct sandbox){ .dirfds = dirfds,
			.n = how & 1,
			.may_connect = (how & 2) != 0,
			.may_signal = (how & 4) != 0 });
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, calls__of_a_vmm);
	ATF_TP_ADD_TC(tp, calls__of_a_reader);
	return atf_no_error();
}
