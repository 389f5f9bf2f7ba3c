/* SPDX-License-Identifier: ISC */
#include "keeper.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/sig.h"

#include "ctl.h"
#include "fs.h"
#include "serve.h"
#include "status.h"

#define END_MS 5000 /* for the server to end when it is told to */
#define TEXT_MAX 4096

struct keeper {
	pid_t server;
	int ctl;
	int ready; /* borrowed; -1: none */
	struct fuse_session *session; /* NULL: nothing is mounted */
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
mount_noted(struct keeper *k, const char *dir, int to, struct error *err)
{
	char name[] = "snap-mount", o[] = "-o",
	     how[] = "fsname=instar,subtype=snap-mount,noatime";
	char *argv[] = { name, o, how, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	static const struct fuse_lowlevel_ops none;
	int saved = dup(2), rc = -1;

	if (saved == -1 || dup2(to, 2) == -1) {
		fd_drop(&saved);
		return error_sys(err, EX_OSERR, "stderr");
	}
	k->session = fuse_session_new(&args, &none, sizeof(none), NULL);
	if (k->session != NULL)
		rc = fuse_session_mount(k->session, dir);
	dup2(saved, 2);
	fd_drop(&saved);
	if (rc == 0)
		return 0;
	if (k->session != NULL)
		fuse_session_destroy(k->session);
	k->session = NULL;
	return quote(to, dir, err);
}

static int
do_mount(struct keeper *k, const char *dir, struct error *err)
{
	int to = memfd_create("fuse", MFD_CLOEXEC), rc;

	if (to == -1)
		return error_sys(err, EX_OSERR, "memfd");
	rc = mount_noted(k, dir, to, err);
	fd_drop(&to);
	if (rc == -1)
		return -1;
	return ctl_put_fd(k->ctl, fuse_session_fd(k->session), err);
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

/* Where it was unmounted by somebody else, nothing is done: libfuse looks. */
static void
end(struct keeper *k)
{
	if (k->session != NULL)
		fuse_session_unmount(k->session);
	k->session = NULL;
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
	struct error why = { 0 };
	int status = 0;

	while (waitpid(k->server, &status, 0) == -1) {
		if (errno != EINTR)
			return error_sys(err, EX_OSERR, "server");
		if (sig_check(&why) == -1) {
			/* That is how one ends it. */
			sig_shield();
			return 0;
		}
	}
	k->server = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK)
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
	if (said.code == EX_OK)
		return 0;
	*err = said;
	return -1;
}

static int
tell_ready(int ready, struct error *err)
{
	const char byte = 0;

	if (ready == -1)
		return 0;
	if (ctl_silence(err) == -1)
		return -1;
	return fd_write(ready, &byte, 1, "ready", err);
}

int
keeper_run(const struct opts *o, const char *dir, int ready, struct error *err)
{
	struct keeper k = { .ctl = -1, .ready = ready };
	int rc = -1;

	if (start_server(&k, o, dir, err) == 0 && hear(&k, err) == 0 &&
	    do_mount(&k, dir, err) == 0 &&
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
	return keeper_run(o, dir, ready, &err) == -1 ? diag_error(&err) : EX_OK;
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
