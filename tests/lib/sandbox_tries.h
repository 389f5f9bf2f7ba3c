/* SPDX-License-Identifier: ISC */
/* What an enclosed process may try: each returns 0 or its errno. */
#ifndef TESTS_SANDBOX_TRIES_H
#define TESTS_SANDBOX_TRIES_H

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
#include "base/sandbox.h"

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

#endif
