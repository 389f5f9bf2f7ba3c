/* SPDX-License-Identifier: ISC */
#include "keeper.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/sig.h"

#include "ctl.h"
#include "fs.h"
#include "serve.h"
#include "status.h"

#define END_MS 5000 /* for the server to end when it is told to */
#define UNMOUNT_MS 10000 /* for fusermount3 */
#define TEXT_MAX 4096

struct keeper {
	pid_t server;
	int ctl;
	int ready; /* borrowed; -1: none */
	const char *dir; /* borrowed */
	bool is_mounted;
};

/* The last line that libfuse and fusermount3 have written. */
static int
quote(int fd, const char *dir, struct error *err)
{
	char text[TEXT_MAX + 1] = "", *line;
	size_t len = 0;

	if (lseek(fd, 0, SEEK_SET) == 0)
		fd_read(&len, fd, text, TEXT_MAX, "fusermount3", NULL);
	text[len] = '\0';
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	line = strrchr(text, '\n');
	line = line == NULL ? text : line + 1;
	return error_set(err, EX_UNAVAILABLE, "%s: cannot be mounted: %s", dir,
	    *line == '\0' ? "no word why" : line);
}

/* What libfuse says goes to `to` meanwhile. */
static int
mount_noted(int *fd, const char *dir, int to, struct error *err)
{
	char name[] = "snap-mount", o[] = "-o",
	     how[] = "fsname=instar,subtype=snap-mount,noatime";
	char *argv[] = { name, o, how, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	static const struct fuse_lowlevel_ops none;
	struct fuse_session *session;
	int saved = dup(STDERR_FILENO), rc = -1;

	if (saved == -1 || dup2(to, STDERR_FILENO) == -1) {
		fd_drop(&saved);
		return error_sys(err, EX_OSERR, "stderr");
	}
	session = fuse_session_new(&args, &none, sizeof(none), NULL);
	if (session != NULL)
		rc = fuse_session_mount(session, dir);
	dup2(saved, STDERR_FILENO);
	fd_drop(&saved);
	if (rc == 0)
		*fd = fcntl(fuse_session_fd(session), F_DUPFD_CLOEXEC, 3);
	/* It closes its own: the mount is the server's. */
	if (session != NULL)
		fuse_session_destroy(session);
	fuse_opt_free_args(&args);
	return rc == 0 ? 0 : quote(to, dir, err);
}

/*
 * The server gets the kernel's descriptor, and is the only one that has it: with
 * its end the mount is dead, and nobody waits for an answer.
 */
static int
do_mount(struct keeper *k, struct error *err)
{
	int to = memfd_create("fuse", MFD_CLOEXEC), fd = -1, rc;

	if (to == -1)
		return error_sys(err, EX_OSERR, "memfd");
	rc = mount_noted(&fd, k->dir, to, err);
	fd_drop(&to);
	if (rc == -1)
		return -1;
	k->is_mounted = true;
	rc = ctl_put_fd(k->ctl, fd, err);
	fd_drop(&fd);
	return rc;
}

/* At once, whoever uses it; that nothing is mounted any more is no fault. */
static void
unmount(struct keeper *k)
{
	char name[] = "fusermount3", options[] = "-uqz", end_of[] = "--";
	char *dir = k->is_mounted ? strdup(k->dir) : NULL;
	char *argv[] = { name, options, end_of, dir, NULL };
	const struct proc_run how = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.deadline_ms = clock_ms() + UNMOUNT_MS };

	if (!k->is_mounted)
		return;
	k->is_mounted = false;
	if (geteuid() == 0)
		umount2(k->dir, MNT_DETACH);
	else if (dir != NULL)
		proc_run(&how, NULL);
	free(dir);
}

/* It is asked first, and after a while ended. */
static void
end_server(struct keeper *k)
{
	int64_t deadline = clock_ms() + END_MS;

	if (k->server == 0)
		return;
	kill(k->server, SIGTERM);
	while (waitpid(k->server, NULL, WNOHANG) == 0)
		if (clock_left(deadline) == 0) {
			kill(k->server, SIGKILL);
			deadline = INT64_MAX;
		} else
			clock_nap(10);
	k->server = 0;
}

static void
end(struct keeper *k)
{
	unmount(k);
	end_server(k);
	fd_drop(&k->ctl);
}

static int
start_server(struct keeper *k, const struct opts *o, const char *dir,
    struct error *err)
{
	int pair[2];

	if (ctl_pair(pair, err) == -1)
		return -1;
	k->server = fork();
	if (k->server == 0) {
		fd_drop(&pair[0]);
		fd_drop(&k->ready);
		/* Nothing in a buffer is written twice. */
		_exit(serve(o, dir, pair[1]));
	}
	fd_drop(&pair[1]);
	k->ctl = pair[0];
	if (k->server == -1) {
		k->server = 0;
		return error_sys(err, EX_OSERR, "fork");
	}
	return 0;
}

/* 0 when it has ended as it should. */
static int
wait_for_end(struct keeper *k, struct error *err)
{
	struct pollfd p = { .fd = k->ctl, .events = POLLIN };
	int status = 0;

	/* Its end of the socket is open as long as it lives. */
	while (ctl_poll(&p, 1, INT64_MAX) == -1)
		if (sig_check(NULL) == -1) {
			/* That is how one ends it. */
			sig_shield();
			return 0;
		}
	while (waitpid(k->server, &status, 0) == -1)
		if (errno != EINTR)
			return error_sys(err, EX_OSERR, "server");
	k->server = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == SERVE_UNMOUNTED) {
		k->is_mounted = false;
		return 0;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == SERVE_STOPPED)
		return 0;
	return error_set(err, EX_SOFTWARE, "the server has ended: %s %d",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Its own error is ours. */
static int
hear(struct keeper *k, struct error *err)
{
	struct error said;

	if (ctl_get(k->ctl, &said, err) == -1) {
		if (sig_check(err) == 0)
			wait_for_end(k, err); /* how it ended says more */
		return -1;
	}
	if (said.code != EX_OK) {
		*err = said;
		return -1;
	}
	if (said.msg[0] != '\0')
		diag("%s: what is cached is served", said.msg);
	return 0;
}

static int
tell_ready(int ready, struct error *err)
{
	const char byte = 0;

	if (ready == -1)
		return 0;
	/* No filesystem is held up by who only waits. */
	if (ctl_silence(err) == -1 || chdir("/") == -1)
		return -1;
	return fd_write(ready, &byte, 1, "ready", err);
}

int
keeper_run(const struct opts *o, const char *dir, int ready, struct error *err)
{
	struct keeper k = { .ctl = -1, .ready = ready, .dir = dir };
	int rc = -1;

	if (start_server(&k, o, dir, err) == 0 && hear(&k, err) == 0 &&
	    do_mount(&k, err) == 0 &&
	    status_report(dir, o->members, err) == 0 &&
	    tell_ready(ready, err) == 0)
		rc = wait_for_end(&k, err);
	end(&k);
	return rc;
}

/* In the process that goes on. */
static int
go_on(const struct opts *o, const char *dir, int ready)
{
	struct error err = { 0 };

	setsid();
	/* Others' locks and pipes are not ours to keep. */
	if (fd_close_others(STDERR_FILENO + 1, &ready, 1) == -1)
		error_sys(&err, EX_OSERR, "descriptors");
	else if (keeper_run(o, dir, ready, &err) == 0)
		return EX_OK;
	return diag_error(&err);
}

int
keeper_start(const struct opts *o, const char *dir, struct error *err)
{
	int fd[2], status = 0;
	struct error why = { 0 };
	size_t got = 0;
	char byte;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) == -1)
		return error_sys(err, EX_OSERR, "pipe");
	pid = fork();
	if (pid == 0) {
		fd_drop(&fd[0]);
		_exit(go_on(o, dir, fd[1]));
	}
	fd_drop(&fd[1]);
	if (pid == -1) {
		fd_drop(&fd[0]);
		return error_sys(err, EX_OSERR, "fork");
	}
	if (fd_read(&got, fd[0], &byte, 1, "mount", &why) == -1)
		kill(pid, SIGTERM);
	fd_drop(&fd[0]);
	if (got == 1)
		return 0;
	sig_shield();
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (why.code != EX_OK) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	/* It has told. */
	return error_set(err,
	    WIFEXITED(status) && WEXITSTATUS(status) != EX_OK
		? WEXITSTATUS(status)
		: EX_SOFTWARE,
	    "%s", "");
}
