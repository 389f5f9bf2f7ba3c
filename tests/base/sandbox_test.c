/* SPDX-License-Identifier: ISC */
/*
 * What an enclosed process is refused, tried from inside: each attempt has to
 * succeed outside first, and is then required to fail where this kernel's
 * Landlock or its filters know it.
 */
#include "base/sandbox.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

/* What the attempts use: made before anything is enclosed. */
struct place {
	int inside; /* a directory that is given */
	int unix_socket, tcp_socket; /* inherited, not connected */
	in_port_t port; /* something listens there */
	pid_t other; /* a process that only waits */
};

typedef int attempt(const struct place *p); /* 0 or -1 with errno */

static int
done(int rc)
{
	return rc == -1 ? -1 : 0;
}

static int
open_as(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

static int
try_read(const struct place *p)
{
	(void)p;
	return open_as("outside/file", O_RDONLY);
}

static int
try_write(const struct place *p)
{
	(void)p;
	return open_as("outside/file", O_WRONLY);
}

static int
try_create(const struct place *p)
{
	(void)p;
	return open_as("outside/new", O_WRONLY | O_CREAT | O_EXCL);
}

static int
try_list(const struct place *p)
{
	(void)p;
	return open_as("outside", O_RDONLY | O_DIRECTORY);
}

static int
try_up(const struct place *p)
{
	int fd = openat(p->inside, "../outside/file", O_RDONLY | O_CLOEXEC);

	return done(fd);
}

static int
try_truncate(const struct place *p)
{
	(void)p;
	return truncate("outside/file", 1);
}

static int
try_mkdir(const struct place *p)
{
	(void)p;
	return mkdir("outside/dir", 0700);
}

static int
try_rmdir(const struct place *p)
{
	(void)p;
	return rmdir("outside/empty");
}

static int
try_unlink(const struct place *p)
{
	(void)p;
	return unlink("outside/victim");
}

static int
try_rename(const struct place *p)
{
	(void)p;
	return rename("outside/moved", "outside/there");
}

static int
try_rename_in(const struct place *p)
{
	return renameat(AT_FDCWD, "outside/taken", p->inside, "taken");
}

static int
try_link_in(const struct place *p)
{
	return linkat(AT_FDCWD, "outside/file", p->inside, "link", 0);
}

static int
try_symlink(const struct place *p)
{
	(void)p;
	return symlink("file", "outside/symlink");
}

static int
try_fifo(const struct place *p)
{
	(void)p;
	return mkfifo("outside/fifo", 0600);
}

static int
try_device(const struct place *p)
{
	return mknodat(p->inside, "fifo", S_IFIFO | 0600, 0);
}

static int
try_chmod(const struct place *p)
{
	(void)p;
	return chmod("outside/file", 0644);
}

static int
try_chown(const struct place *p)
{
	(void)p;
	return chown("outside/file", geteuid(), getegid());
}

static int
try_xattr(const struct place *p)
{
	(void)p;
	return setxattr("outside/file", "user.instar", "x", 1, 0);
}

static int
try_socket_unix(const struct place *p)
{
	(void)p;
	return done(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
try_socket_inet(const struct place *p)
{
	(void)p;
	return done(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
try_socket_udp(const struct place *p)
{
	(void)p;
	return done(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int
try_socket_inet6(const struct place *p)
{
	(void)p;
	return done(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
try_socket_netlink(const struct place *p)
{
	(void)p;
	return done(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int
try_socket_vsock(const struct place *p)
{
	(void)p;
	return done(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
try_socketpair(const struct place *p)
{
	int sv[2];

	(void)p;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv);
}

static int
try_connect_unix(const struct place *p)
{
	struct sockaddr_un sun = { AF_UNIX, "outside/listener" };

	return connect(p->unix_socket, (struct sockaddr *)&sun, sizeof(sun));
}

static int
try_connect_tcp(const struct place *p)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = p->port };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(p->tcp_socket, (struct sockaddr *)&in, sizeof(in));
}

static int
try_bind_tcp(const struct place *p)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(p->tcp_socket, (struct sockaddr *)&in, sizeof(in));
}

static int
try_bind_abstract(const struct place *p)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "instar.%ld",
	    (long)getpid());
	return bind(p->unix_socket, (struct sockaddr *)&sun, sizeof(sun));
}

static int
try_listen(const struct place *p)
{
	return listen(p->tcp_socket, 1);
}

static int
try_kill(const struct place *p)
{
	return kill(p->other, SIGCONT);
}

static int
try_kill_group(const struct place *p)
{
	(void)p;
	return kill(0, SIGCONT);
}

static int
try_pidfd(const struct place *p)
{
	int fd = (int)syscall(SYS_pidfd_open, p->other, 0);

	return fd == -1
	    ? -1
	    : (int)syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
}

static int
try_ptrace(const struct place *p)
{
	return (int)ptrace(PTRACE_SEIZE, p->other, NULL, NULL);
}

static int
try_foreign_memory(const struct place *p)
{
	char here;
	struct iovec to = { &here, 1 };
	struct iovec from = { (void *)(uintptr_t)p, 1 };

	return done((int)process_vm_readv(p->other, &to, 1, &from, 1, 0));
}

static int
try_exec(const struct place *p)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };
	int status;
	pid_t pid;

	(void)p;
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(errno);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return -1;
	errno = WEXITSTATUS(status);
	return errno == 0 ? 0 : -1;
}

static int
try_namespace(const struct place *p)
{
	(void)p;
	return unshare(CLONE_NEWUSER);
}

static int
try_clone_namespace(const struct place *p)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0,
	    0);

	(void)p;
	if (pid == 0)
		_exit(0);
	return pid == -1 ? -1 : done(waitpid(pid, NULL, 0));
}

static int
try_uring(const struct place *p)
{
	unsigned char params[256] = { 0 };

	(void)p;
	return done((int)syscall(SYS_io_uring_setup, 1, params));
}

/* Beneath a directory that is only read. */

static int
try_own_write(const struct place *p)
{
	(void)p;
	return open_as("readable/file", O_RDWR);
}

static int
try_own_create(const struct place *p)
{
	(void)p;
	return open_as("readable/new", O_WRONLY | O_CREAT);
}

static int
try_own_cut(const struct place *p)
{
	(void)p;
	return open_as("readable/file", O_RDONLY | O_TRUNC);
}

static int
try_own_unlink(const struct place *p)
{
	(void)p;
	return unlink("readable/victim");
}

enum { NO_FILTER = 0, FILTER = 1, ONLY_READS = 2 };

static const struct {
	const char *name;
	attempt *try;
	int abi; /* of the first Landlock that refuses it; 0: none does */
	int filter; /* FILTER: it does; ONLY_READS: of who writes nowhere */
} attempts[] = {
	{ "open to read", try_read, 1, NO_FILTER },
	{ "open to write", try_write, 1, ONLY_READS },
	{ "create", try_create, 1, ONLY_READS },
	{ "list", try_list, 1, NO_FILTER },
	{ "open by ..", try_up, 1, NO_FILTER },
	{ "truncate", try_truncate, 3, FILTER },
	{ "mkdir", try_mkdir, 1, NO_FILTER },
	{ "rmdir", try_rmdir, 1, NO_FILTER },
	{ "unlink", try_unlink, 1, NO_FILTER },
	{ "rename", try_rename, 1, NO_FILTER },
	{ "rename into", try_rename_in, 1, NO_FILTER },
	{ "link into", try_link_in, 1, NO_FILTER },
	{ "symlink", try_symlink, 1, NO_FILTER },
	{ "fifo", try_fifo, 1, NO_FILTER },
	{ "fifo inside", try_device, 1, NO_FILTER },
	{ "chmod", try_chmod, 0, FILTER },
	{ "chown", try_chown, 0, FILTER },
	{ "setxattr", try_xattr, 0, FILTER },
	{ "socket unix", try_socket_unix, 0, FILTER },
	{ "socket inet", try_socket_inet, 0, FILTER },
	{ "socket udp", try_socket_udp, 0, FILTER },
	{ "socket inet6", try_socket_inet6, 0, FILTER },
	{ "socket netlink", try_socket_netlink, 0, FILTER },
	{ "socket vsock", try_socket_vsock, 0, FILTER },
	{ "socketpair", try_socketpair, 0, FILTER },
	{ "connect unix", try_connect_unix, 0, FILTER },
	{ "connect TCP", try_connect_tcp, 4, FILTER },
	{ "bind TCP", try_bind_tcp, 4, FILTER },
	{ "bind abstract", try_bind_abstract, 0, FILTER },
	{ "listen", try_listen, 0, FILTER },
	{ "kill", try_kill, 6, FILTER },
	{ "kill a group", try_kill_group, 0, FILTER },
	{ "signal by pidfd", try_pidfd, 6, FILTER },
	{ "ptrace", try_ptrace, 1, FILTER },
	{ "another's memory", try_foreign_memory, 0, FILTER },
	{ "exec", try_exec, 1, FILTER },
	{ "namespace", try_namespace, 0, FILTER },
	{ "clone a namespace", try_clone_namespace, 0, FILTER },
	{ "io_uring", try_uring, 0, FILTER },
	{ "write what is read", try_own_write, 1, ONLY_READS },
	{ "create beside it", try_own_create, 1, ONLY_READS },
	{ "cut what is read", try_own_cut, 3, ONLY_READS },
	{ "unlink what is read", try_own_unlink, 1, NO_FILTER },
};

#define ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static void
put_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ATF_REQUIRE(fd != -1 && write(fd, "bytes", 5) == 5);
	fd_drop(&fd);
}

/* Each attempt finds everything as it was. */
static void
make_place(struct place *p)
{
	static const char *const files[] = { "outside/file", "outside/victim",
		"outside/moved", "outside/taken", "readable/file",
		"readable/victim" };
	struct sockaddr_un sun = { AF_UNIX, "outside/listener" };
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	pid_t self = getpid();
	int fd;
	size_t i;

	ATF_REQUIRE_EQ(0, system("rm -rf outside inside readable"));
	ATF_REQUIRE(mkdir("outside", 0700) == 0 && mkdir("inside", 0700) == 0 &&
	    mkdir("readable", 0700) == 0 && mkdir("outside/empty", 0700) == 0);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put_file(files[i]);
	p->inside = open("inside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->unix_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->tcp_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(
	    p->inside != -1 && p->unix_socket != -1 && p->tcp_socket != -1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)&sun, sizeof(sun)));
	ATF_REQUIRE_EQ(0, listen(fd, 4));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)&in, sizeof(in)));
	ATF_REQUIRE_EQ(0, listen(fd, 4));
	ATF_REQUIRE_EQ(0, getsockname(fd, (struct sockaddr *)&in, &len));
	p->port = in.sin_port;
	p->other = fork();
	ATF_REQUIRE(p->other != -1);
	if (p->other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == self)
			pause();
		_exit(0);
	}
}

/* The errno of one attempt, made in a process of its own; 0: it succeeded. */
static int
try_in(size_t i, const struct sandbox *s, void (*before)(void))
{
	struct place p;
	struct error err = { 0 };
	int status;
	pid_t pid;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		make_place(&p);
		setpgid(0, 0);
		if (before != NULL)
			before();
		if (s != NULL) {
			struct sandbox own = *s;
			int fds[2] = { p.inside,
				open("readable", O_RDONLY | O_CLOEXEC) };

			own.dirfds = &fds[0];
			own.read_dirfds = &fds[1];
			if (sandbox_enter_as(&own, &err) == -1)
				_exit(255);
		}
		errno = 0;
		status = attempts[i].try(&p) == 0 ? 0 : errno;
		_exit(status);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE_MSG(WIFEXITED(status), "%s: status %#x", attempts[i].name,
	    (unsigned)status);
	return WEXITSTATUS(status);
}

static long
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : abi;
}

/* Whether this kernel takes filters: one at no address is refused as such. */
static bool
has_filters(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == -1 &&
	    errno == EFAULT;
}

static bool
is_refusal(int sys)
{
	return sys == EPERM || sys == EACCES || sys == EXDEV || sys == ENOSYS;
}

/* Every attempt, where Landlock has that `abi`. */
static void
try_all(const struct sandbox *s, long abi, bool filters, void (*before)(void))
{
	size_t i, checked = 0, n;
	bool due;
	int sys;

	for (i = 0; i < ATTEMPTS; i++) {
		due = (attempts[i].abi != 0 && abi >= attempts[i].abi) ||
		    (filters && attempts[i].filter == FILTER) ||
		    (filters && attempts[i].filter == ONLY_READS && s->n == 0);
		if (!due)
			continue;
		sys = try_in(i, NULL, NULL);
		if (sys != 0) {
			printf("%s: not possible here at all: %s\n",
			    attempts[i].name, strerror(sys));
			continue;
		}
		sys = try_in(i, s, before);
		printf("%s: %s\n", attempts[i].name,
		    sys == 0 ? "done" : strerror(sys));
		ATF_CHECK_MSG(is_refusal(sys), "%s: %s", attempts[i].name,
		    sys == 0 ? "done" : strerror(sys));
		checked++;
	}
	for (i = n = 0; i < ATTEMPTS; i++)
		n += attempts[i].abi == 1;
	ATF_CHECK(checked >= (abi > 0 ? n / 2 : 0) + (filters ? 10 : 0));
}

static void
skip_where_off(void)
{
#if defined(__SANITIZE_ADDRESS__)
	atf_tc_skip("a sanitizer cannot work in an enclosure");
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
	atf_tc_skip("a sanitizer cannot work in an enclosure");
#endif
#endif
}

ATF_TC_WITHOUT_HEAD(enter__refuses);
ATF_TC_BODY(enter__refuses, tc)
{
	const struct sandbox writes = { .n = 1, .read_n = 1 };
	const struct sandbox reads = { .read_n = 1 };

	skip_where_off();
	printf("Landlock's interface: %ld; filters: %s\n", landlock_abi(),
	    has_filters() ? "yes" : "no");
	try_all(&writes, landlock_abi(), has_filters(), NULL);
	try_all(&reads, landlock_abi(), has_filters(), NULL);
}

/* From here on the call, with that first argument or (-1) any, fails so. */
static void
take_away(uint32_t number, uint32_t first, uint32_t sys)
{
	struct sock_filter v[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | sys),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(v) / sizeof(v[0]), v };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == -1)
		_exit(254);
}

static void
without_landlock(void)
{
	take_away(SYS_landlock_create_ruleset, 0, ENOSYS);
}

static void
without_filters(void)
{
	take_away(SYS_prctl, PR_SET_SECCOMP, EINVAL);
}

static void
without_both(void)
{
	without_landlock();
	without_filters();
}

/* Kernels that have one of the two, or none: what there is, and no error. */
ATF_TC_WITHOUT_HEAD(enter__older_kernels);
ATF_TC_BODY(enter__older_kernels, tc)
{
	const struct sandbox writes = { .n = 1, .read_n = 1 };
	const struct sandbox reads = { .read_n = 1 };

	skip_where_off();
	if (!has_filters())
		atf_tc_skip("no filters, with which to play an older kernel");
	try_all(&writes, 0, true, without_landlock);
	try_all(&reads, 0, true, without_landlock);
	try_all(&writes, landlock_abi(), false, without_filters);
	ATF_CHECK_EQ(0, try_in(0, &writes, without_both));
}

/* Who has to end processes may. */
ATF_TC_WITHOUT_HEAD(enter__may_signal);
ATF_TC_BODY(enter__may_signal, tc)
{
	const struct sandbox s = { .n = 1, .may_signal = true };
	size_t i;

	skip_where_off();
	for (i = 0; i < ATTEMPTS; i++)
		if (attempts[i].try == try_kill || attempts[i].try == try_pidfd)
			ATF_CHECK_EQ_MSG(0, try_in(i, &s, NULL), "%s",
			    attempts[i].name);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, enter__refuses);
	ATF_TP_ADD_TC(tp, enter__older_kernels);
	ATF_TP_ADD_TC(tp, enter__may_signal);
	return atf_no_error();
}
