/* SPDX-License-Identifier: ISC */
#include "base/proc.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc_impl.h"
#include "base/program.h"
#include "base/sig.h"

#define PROC_STAT_MAX 1024
/* Descriptors are parked above what a child names. */
#define PROC_FD_FLOOR (PROC_NUMBER_MAX + 1)

/*
 * State letter and start time of `pid` from proc(5)'s stat.  A zombie whose
 * other threads have not ended yet still has its files and locks: 'D'.
 */
static int
read_stat(char *state, uint64_t *start_ticks, pid_t pid)
{
	char path[64], text[PROC_STAT_MAX], *p;
	ssize_t n;
	int fd, field;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	/* Field 2, the command, is in brackets and may hold anything. */
	p = strrchr(text, ')');
	if (p == NULL || p[1] != ' ')
		return -1;
	p += 2;
	*state = *p;
	for (field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (p == NULL)
			return -1;
		p++;
		if (field + 1 == 20 && *state == 'Z' && strtol(p, NULL, 10) > 1)
			*state = 'D';
	}
	*start_ticks = strtoull(p, NULL, 10);
	return 0;
}

static int
read_boot_id(char *out, size_t cap)
{
	ssize_t n;
	int fd;

	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, out, cap - 1);
	close(fd);
	if (n <= 0)
		return -1;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

int
proc_identify(struct proc_id *out, pid_t pid, struct error *err)
{
	struct proc_id id = { 0 };
	struct stat st;
	char state;

	id.pid = pid;
	if (read_stat(&state, &id.start_ticks, pid) == -1)
		return error_set(err, EX_NOINPUT, "process %ld: not there",
		    (long)pid);
	if (read_boot_id(id.boot_id, sizeof(id.boot_id)) == -1 ||
	    stat("/proc/self/ns/pid", &st) == -1)
		return error_sys(err, EX_OSERR, "/proc");
	id.pid_ns = (uint64_t)st.st_ino;
	*out = id;
	return 0;
}

static bool
is_of_this_boot(const struct proc_id *id)
{
	char boot_id[PROC_BOOT_ID_MAX];

	return read_boot_id(boot_id, sizeof(boot_id)) == 0 &&
	    strcmp(boot_id, id->boot_id) == 0;
}

bool
proc_is_alive(const struct proc_id *id)
{
	uint64_t start_ticks;
	struct stat st;
	char state;

	if (id->pid <= 0 || read_stat(&state, &start_ticks, id->pid) == -1)
		return false;
	return state != 'Z' && state != 'X' && start_ticks == id->start_ticks &&
	    is_of_this_boot(id) && stat("/proc/self/ns/pid", &st) == 0 &&
	    (uint64_t)st.st_ino == id->pid_ns;
}

bool
proc_is_elsewhere(const struct proc_id *id)
{
	struct stat st;

	return id->pid > 0 && stat("/proc/self/ns/pid", &st) == 0 &&
	    (uint64_t)st.st_ino != id->pid_ns && is_of_this_boot(id);
}

int
proc_open(int *pidfd, const struct proc_id *id, struct error *err)
{
	int fd = -1;

	if (id->pid > 0)
		fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
	/* Looked at after opening: now the pid cannot pass to another. */
	if (fd != -1 && proc_is_alive(id)) {
		*pidfd = fd;
		return 0;
	}
	fd_drop(&fd);
	return error_set(err, EX_NOINPUT, "process %ld: has ended",
	    (long)id->pid);
}

int
proc_signal(int pidfd, int number, struct error *err)
{
	if (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) == -1 &&
	    errno != ESRCH)
		return error_sys(err, error_code_of(errno), "signal %d",
		    number);
	return 0;
}

int
proc_wait(int pidfd, int64_t deadline_ms, struct error *err)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	siginfo_t info;
	int left, n;

	for (;;) {
		left = clock_left(deadline_ms);
		n = poll(&pfd, 1, left < PROC_POLL_MS ? left : PROC_POLL_MS);
		if (n == 1)
			break;
		if (n == -1 && errno != EINTR)
			return error_sys(err, EX_OSERR, "poll");
		if (sig_check(err) == -1)
			return -1;
		if (n == 0 && left == 0)
			return error_set(err, EX_TEMPFAIL,
			    "process still there when the time was over");
	}
	waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED); /* ours or not */
	return 0;
}

int
proc_place_fds(const int *keep, size_t n)
{
	int parked[PROC_KEEP_MAX];
	size_t i;

	for (i = 0; i < n; i++) {
		parked[i] = fcntl(keep[2 * i], F_DUPFD_CLOEXEC, PROC_FD_FLOOR);
		if (parked[i] == -1)
			return -1;
	}
	for (i = 0; i < n; i++)
		if (dup2(parked[i], keep[2 * i + 1]) == -1)
			return -1;
	return 0;
}

void
proc_shut_others(const int *keep, size_t n)
{
	size_t i;

	syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
	for (i = 0; i < n; i++)
		fcntl(keep[2 * i + 1], F_SETFD, 0);
}

void
proc_default_signals(void)
{
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * In the child: becomes the program when a byte comes through `gate`, or writes
 * errno to `report` and ends.
 */
static void
become(const struct proc_spawn *how, int in_fd, int gate, int report)
{
	int out_fd = how->tty_fd == 0 ? how->log_fd : how->tty_fd;
	int sys;
	char c;

	if (how->tty_fd != 0)
		in_fd = how->tty_fd;
	setsid();
	if (read(gate, &c, 1) != 1)
		_exit(127);
	report = fcntl(report, F_DUPFD_CLOEXEC, PROC_FD_FLOOR);
	proc_default_signals();
	if (dup2(in_fd, STDIN_FILENO) != -1 &&
	    dup2(out_fd, STDOUT_FILENO) != -1 &&
	    dup2(how->log_fd, STDERR_FILENO) != -1 &&
	    (how->dirfd == -1 || fchdir(how->dirfd) == 0) &&
	    (how->enter == NULL || how->enter(how->enter_arg) == 0) &&
	    proc_place_fds(how->keep, how->keep_n) == 0) {
		proc_shut_others(how->keep, how->keep_n);
		program_become(how->argv);
	}
	sys = errno;
	if (write(report, &sys, sizeof(sys)) == -1)
		_exit(127);
	_exit(127);
}

int
proc_silence(int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	if (null == -1)
		return -1;
	for (fd = 0; fd <= last; fd++)
		if (dup2(null, fd) == -1)
			return -1;
	if (null > last)
		close(null);
	return 0;
}

/* Lets the child go on, and waits until it is the program. */
static int
release(const struct proc_spawn *how, pid_t child, int gate, int report,
    struct error *err)
{
	int sys = 0;
	ssize_t n;

	if (how->note != NULL && how->note(how->arg, child, err) == -1)
		return -1;
	if (write(gate, "g", 1) != 1)
		return error_sys(err, EX_OSERR, "%s", how->argv[0]);
	do
		n = read(report, &sys, sizeof(sys));
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return 0;
	errno = sys;
	return error_sys(err, EX_UNAVAILABLE, "%s", how->argv[0]);
}

int
proc_spawn(pid_t *pid, int *pidfd, const struct proc_spawn *how,
    struct error *err)
{
	int in_fd = -1, report[2] = { -1, -1 }, gate[2] = { -1, -1 }, rc = -1;
	pid_t child;

	assert(how->keep_n <= PROC_KEEP_MAX);
	in_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (in_fd == -1 || pipe2(report, O_CLOEXEC) == -1 ||
	    pipe2(gate, O_CLOEXEC) == -1) {
		error_sys(err, EX_OSERR, "%s", how->argv[0]);
		goto out;
	}
	child = fork();
	if (child == -1) {
		error_sys(err, EX_OSERR, "%s", how->argv[0]);
		goto out;
	}
	if (child == 0) {
		close(gate[1]);
		become(how, in_fd, gate[0], report[1]);
	}
	fd_drop(&report[1]);
	*pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	if (*pidfd == -1)
		error_sys(err, EX_OSERR, "%s", how->argv[0]);
	else
		rc = release(how, child, gate[1], report[0], err);
	if (rc == -1) {
		fd_drop(pidfd);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		goto out;
	}
	*pid = child;
out:
	fd_drop(&gate[0]);
	fd_drop(&gate[1]);
	fd_drop(&report[0]);
	fd_drop(&report[1]);
	fd_drop(&in_fd);
	return rc;
}
