/* SPDX-License-Identifier: ISC */
#include "fill.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/strv.h"

#define END_MS 20000 /* for one that ends, or was told to */
#define SAID_MAX 65536 /* of what vm-clone tells: a line each that failed */

/*
 * In a process group of its own: what a terminal sends to all is for us, and we
 * end it.
 */
static int
spawn(pid_t *pid, char *const *argv, int said, struct error *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&files);
	rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
	    O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO,
		    "/dev/null", O_WRONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&files, said,
		    STDERR_FILENO);
	if (rc == 0)
		rc = posix_spawnp(pid, argv[0], &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	if (rc == 0)
		return 0;
	errno = rc;
	return error_sys(err, EX_UNAVAILABLE, "%s", argv[0]);
}

static int
make_argv(struct strv *argv, const struct fill_how *how, size_t n,
    struct error *err)
{
	if (strv_add(argv, err, "vm-clone") == -1 ||
	    strv_add(argv, err, "--into-pool") == -1 ||
	    strv_add(argv, err, "-R") == -1 ||
	    strv_add(argv, err, "%s", how->root) == -1 ||
	    strv_add(argv, err, "--count") == -1 ||
	    strv_add(argv, err, "%zu", n) == -1)
		return -1;
	if (how->quiet && strv_add(argv, err, "-q") == -1)
		return -1;
	if (how->jobs != NULL &&
	    (strv_add(argv, err, "-j") == -1 ||
		strv_add(argv, err, "%s", how->jobs) == -1))
		return -1;
	if (strv_add(argv, err, "--") == -1)
		return -1;
	return strv_add(argv, err, "%s", how->snap_id);
}

int
fill_start(struct fill *f, const struct fill_how *how, size_t n,
    struct error *err)
{
	struct strv argv = { 0 };
	int rc;

	f->said = memfd_create("vm-clone", MFD_CLOEXEC);
	if (f->said == -1)
		return error_sys(err, EX_OSERR, "memfd");
	rc = make_argv(&argv, how, n, err);
	if (rc == 0)
		rc = spawn(&f->pid, argv.v, f->said, err);
	strv_fini(&argv);
	if (rc == -1) {
		fd_drop(&f->said);
		return -1;
	}
	f->pidfd = (int)syscall(SYS_pidfd_open, f->pid, 0);
	if (f->pidfd != -1)
		return 0;
	error_sys(err, EX_OSERR, "vm-clone");
	fill_end(f);
	return -1;
}

static int
reap(struct fill *f)
{
	struct pollfd p = { .fd = f->pidfd, .events = POLLIN };
	int64_t end_ms = clock_ms() + END_MS;
	int status = 0, n;

	/* Not by proc_wait(), which would keep the status to itself. */
	do {
		n = poll(&p, 1, clock_left(end_ms));
	} while (n == -1 && errno == EINTR);
	if (n != 1)
		kill(f->pid, SIGKILL);
	while (waitpid(f->pid, &status, 0) == -1 && errno == EINTR)
		continue;
	fd_drop(&f->pidfd);
	f->pid = 0;
	return status;
}

int
fill_wait(struct fill *f)
{
	char text[SAID_MAX];
	size_t len = 0;
	int status = reap(f);

	if (lseek(f->said, 0, SEEK_SET) == 0 &&
	    fd_read(&len, f->said, text, sizeof(text), "vm-clone", NULL) == 0)
		fwrite(text, 1, len, stderr);
	fd_drop(&f->said);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

void
fill_end(struct fill *f)
{
	if (f->pid == 0)
		return;
	kill(f->pid, SIGTERM);
	reap(f);
	fd_drop(&f->said);
}
