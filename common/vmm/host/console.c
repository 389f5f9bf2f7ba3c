/* SPDX-License-Identifier: ISC */
#include "vmm/host/console.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "state/vm.h"
#include "vmm/host/console_serve.h"
#include "vmm/host/spawn.h"

#define CONSOLE_NAP_MS 1 /* between two looks at the lock */
#define CONSOLE_KEPT 6 /* descriptors of the process: console_fds, report */

/* A terminal that passes on every byte as it is, both its ends. */
static int
open_terminal(int *master, int *tty, struct error *err)
{
	struct termios raw;

	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master == -1 || unlockpt(*master) == -1 ||
	    fcntl(*master, F_SETFL, O_RDWR | O_NONBLOCK) == -1)
		return error_sys(err, EX_OSERR, "terminal");
	/* By descriptor: /dev/pts may be another one here. */
	*tty = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*tty == -1 || tcgetattr(*tty, &raw) == -1)
		return error_sys(err, EX_OSERR, "terminal");
	cfmakeraw(&raw);
	if (tcsetattr(*tty, TCSANOW, &raw) == -1)
		return error_sys(err, EX_OSERR, "terminal");
	return 0;
}

static int
open_lock(int *fd, int dirfd, struct error *err)
{
	*fd = openat(dirfd, VM_CONSOLE_LOCK,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return error_sys(err, error_code_of(errno), VM_CONSOLE_LOCK);
	return 0;
}

static void
ignore_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT,
		SIGPIPE, SIGXFSZ };
	size_t i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

/* The child: leaves all of the tool's behind, says so, and serves. */
static void
become_console(const struct console_parts *c, int report)
{
	int keep[CONSOLE_KEPT] = { report, c->master, c->listener, c->lock,
		c->log.fd, c->log.dirfd };
	/* The directory is the log's, where that one needs it. */
	size_t i, n = c->log.dirfd == -1 ? CONSOLE_KEPT - 1 : CONSOLE_KEPT;
	struct console_fds own;

	setsid();
	ignore_signals();
	prctl(PR_SET_NAME, "instar-console");
	for (i = 0; i < n; i++)
		if (keep[i] < 3)
			keep[i] = fcntl(keep[i], F_DUPFD_CLOEXEC, 3);
	if (proc_silence(STDERR_FILENO) == -1 || chdir("/") == -1 ||
	    fd_close_others(3, keep, n) == -1)
		_exit(EX_OSERR);
	own.master = keep[1];
	own.listener = keep[2];
	own.lock = keep[3];
	own.log = c->log;
	own.log.fd = keep[4];
	own.log.dirfd = keep[5];
	if (console_lock(own.lock, CONSOLE_LOCK_WRITER, true) == -1 ||
	    write(keep[0], "r", 1) != 1)
		_exit(EX_OSERR);
	close(keep[0]);
	console_serve(&own);
	_exit(EX_OK);
}

/* A connection in the place of a terminal. */
static int
open_pair(int *master, int *tty, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return error_sys(err, EX_OSERR, "console");
	*master = pair[0];
	*tty = pair[1];
	return fcntl(*master, F_SETFL, O_RDWR | O_NONBLOCK) == -1
	    ? error_sys(err, EX_OSERR, "console")
	    : 0;
}

int
console_open(struct console_parts *c, enum console_kind kind, struct vm *vm,
    int dirfd, struct error *err)
{
	struct spawn_fds listener = { .n = 0 };

	if (open_lock(&c->lock, dirfd, err) == -1 ||
	    console_log_open(&c->log, vm, dirfd, err) == -1 ||
	    spawn_listen(&listener, dirfd, VM_CONSOLE_SOCKET, 3, err) == -1)
		return -1;
	c->listener = listener.pairs[0];
	if (fcntl(c->listener, F_SETFL, O_RDWR | O_NONBLOCK) == -1)
		return error_sys(err, EX_OSERR, "console");
	return (kind == CONSOLE_TERMINAL ? open_terminal
					 : open_pair)(&c->master, &c->tty, err);
}

int
console_run(const struct console_parts *c, pid_t *pid, struct error *err)
{
	int report[2];
	ssize_t n;
	char said;

	if (pipe2(report, O_CLOEXEC) == -1)
		return error_sys(err, EX_OSERR, "console");
	*pid = fork();
	if (*pid == 0)
		become_console(c, report[1]);
	fd_drop(&report[1]);
	if (*pid == -1) {
		error_sys(err, EX_OSERR, "console");
		fd_drop(&report[0]);
		return -1;
	}
	do
		n = read(report[0], &said, 1);
	while (n == -1 && errno == EINTR);
	fd_drop(&report[0]);
	if (n == 1)
		return 0;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	return error_set(err, EX_OSERR, "console: it does not start");
}

void
console_drop(struct console_parts *c)
{
	fd_drop(&c->tty);
	fd_drop(&c->master);
	fd_drop(&c->listener);
	console_log_drop(&c->log);
	fd_drop(&c->lock);
}

/* Whether a console's process holds that byte. */
static bool
is_locked(int dirfd, int byte)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1 };
	bool locked;
	int fd;

	if (fd_open_file(&fd, NULL, dirfd, VM_CONSOLE_LOCK, O_RDONLY, NULL) ==
	    -1)
		return false;
	locked = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	fd_drop(&fd);
	return locked;
}

bool
console_is_free(int dirfd)
{
	return !is_locked(dirfd, CONSOLE_LOCK_CLIENT);
}

bool
console_is_writing(int dirfd)
{
	return is_locked(dirfd, CONSOLE_LOCK_WRITER);
}

void
console_await_end(int dirfd, int64_t deadline_ms)
{
	while (console_is_writing(dirfd) && clock_left(deadline_ms) > 0)
		clock_nap(CONSOLE_NAP_MS);
}
