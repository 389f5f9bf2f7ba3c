/* SPDX-License-Identifier: ISC */
/*
 * What an enclosed process is refused, tried from inside: each attempt has to
 * succeed outside first, and is then required to fail where this kernel's
 * Landlock or its filters know it.
 */
#include "base/sandbox.h"

#include "base/fd.h"
#include "lib/sandbox_tries.h"

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

	ATF_REQUIRE_EQ(0, fd_remove_tree(AT_FDCWD, "outside", NULL));
	ATF_REQUIRE_EQ(0, fd_remove_tree(AT_FDCWD, "inside", NULL));
	ATF_REQUIRE_EQ(0, fd_remove_tree(AT_FDCWD, "readable", NULL));
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

/* Who talks to the network may, and listens to nobody. */
ATF_TC_WITHOUT_HEAD(enter__may_connect);
ATF_TC_BODY(enter__may_connect, tc)
{
	static attempt *const may[] = { try_socket_unix, try_socket_inet,
		try_socket_udp, try_socket_inet6, try_socket_netlink,
		try_connect_tcp };
	static attempt *const never[] = { try_socket_vsock, try_listen,
		try_exec, try_kill, try_uring, try_own_write, try_write };
	const struct sandbox s = { .read_n = 1, .may_connect = true };
	size_t i, k;

	skip_where_off();
	for (i = 0; i < ATTEMPTS; i++) {
		if (try_in(i, NULL, NULL) != 0)
			continue;
		for (k = 0; k < sizeof(may) / sizeof(may[0]); k++)
			if (attempts[i].try == may[k])
				ATF_CHECK_EQ_MSG(0, try_in(i, &s, NULL), "%s",
				    attempts[i].name);
		for (k = 0;
		     has_filters() && k < sizeof(never) / sizeof(never[0]); k++)
			if (attempts[i].try == never[k])
				ATF_CHECK_MSG(is_refusal(try_in(i, &s, NULL)),
				    "%s", attempts[i].name);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, enter__refuses);
	ATF_TP_ADD_TC(tp, enter__older_kernels);
	ATF_TP_ADD_TC(tp, enter__may_signal);
	ATF_TP_ADD_TC(tp, enter__may_connect);
	return atf_no_error();
}
