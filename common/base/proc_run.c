/* SPDX-License-Identifier: ISC */
/* Helpers that are run to their end. */
#include "base/proc.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
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

/* In the child of proc_run(). */
static void
become_helper(const struct proc_run *how, int in_fd, int out_fd, int err_fd,
    pid_t parent)
{
	/* Nobody waits for what it would say. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(126);
	proc_default_signals();
	if (dup2(in_fd, STDIN_FILENO) == -1 ||
	    dup2(out_fd, STDOUT_FILENO) == -1 ||
	    dup2(err_fd, STDERR_FILENO) == -1)
		_exit(126);
	if (how->dirfd != -1 && fchdir(how->dirfd) == -1)
		_exit(126);
	if (proc_place_fds(how->keep, how->keep_n) == -1)
		_exit(126);
	proc_shut_others(how->keep, how->keep_n);
	program_become(how->argv);
	_exit(127);
}

struct capture {
	char *buf;
	size_t cap, len;
	bool keep_tail; /* drop the oldest when full, else stop */
	bool overrun;
	bool is_heard; /* our own stderr gets it, too */
};

/* Takes what `fd` has; false at its end. */
static bool
take_output(struct capture *c, int fd)
{
	char chunk[4096];
	ssize_t n;
	size_t room, from = 0, drop;

	n = read(fd, chunk, sizeof(chunk));
	if (n == -1)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	if (c->is_heard)
		(void)fd_write(STDERR_FILENO, chunk, (size_t)n, "stderr", NULL);
	room = c->cap - 1 - c->len;
	if ((size_t)n > room) {
		c->overrun = true;
		if (!c->keep_tail)
			return true;
		from = (size_t)n < c->cap ? 0 : (size_t)n - (c->cap - 1);
		drop = (size_t)n - from - room;
		memmove(c->buf, c->buf + drop, c->len - drop);
		c->len -= drop;
	}
	memcpy(c->buf + c->len, chunk + from, (size_t)n - from);
	explicit_bzero(chunk, (size_t)n); /* it may be a secret */
	c->len += (size_t)n - from;
	return true;
}

/* Reads both pipes to their ends.  EX_TEMPFAIL, or a signal. */
static int
drain(struct capture *out, int out_fd, struct capture *msg, int msg_fd,
    int64_t deadline_ms, struct error *err)
{
	struct pollfd pfd[2] = {
		{ .fd = out_fd, .events = POLLIN },
		{ .fd = msg_fd, .events = POLLIN },
	};
	int left;

	while (pfd[0].fd != -1 || pfd[1].fd != -1) {
		if (sig_check(err) == -1)
			return -1;
		left = clock_left(deadline_ms);
		if (left == 0)
			return error_set(err, EX_TEMPFAIL, "out of time");
		if (poll(pfd, 2, left < PROC_POLL_MS ? left : PROC_POLL_MS) <=
		    0)
			continue;
		if (pfd[0].revents != 0 && !take_output(out, out_fd))
			pfd[0].fd = -1;
		if (pfd[1].revents != 0 && !take_output(msg, msg_fd))
			pfd[1].fd = -1;
	}
	return 0;
}

/* Some helpers end their lines as a terminal wants it, by "\r\n". */
static void
cut_blanks(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr("\r\n ", text[len - 1]) != NULL)
		text[--len] = '\0';
}

/* The last line that is not empty; `text` is cut behind it. */
static const char *
last_line(char *text)
{
	char *p;

	cut_blanks(text);
	p = strrchr(text, '\n');
	return p == NULL ? text : p + 1;
}

/* The first line; `text` is cut behind it. */
static const char *
first_line(char *text)
{
	text[strcspn(text, "\n")] = '\0';
	cut_blanks(text);
	return text;
}

static int
look_at_end(const struct proc_run *how, int status, char *messages,
    bool out_overrun, struct error *err)
{
	const char *name = how->argv[0];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 127 &&
	    messages[0] == '\0')
		return error_set(err, EX_UNAVAILABLE, "%s: program not found",
		    name);
	if (WIFSIGNALED(status))
		return error_set(err, EX_UNAVAILABLE, "%s: ended by signal %d",
		    name, WTERMSIG(status));
	if (how->status != NULL) {
		*how->status = WEXITSTATUS(status);
		if (how->said != NULL)
			snprintf(how->said, how->said_cap, "%s", messages);
	} else if (WEXITSTATUS(status) != 0)
		return error_set(err, EX_UNAVAILABLE, "%s: status %d: %s", name,
		    WEXITSTATUS(status),
		    how->first_line ? first_line(messages)
				    : last_line(messages));
	if (out_overrun)
		return error_set(err, EX_UNAVAILABLE, "%s: printed too much",
		    name);
	return 0;
}

int
proc_run(const struct proc_run *how, struct error *err)
{
	char messages[2048] = "", spare[64];
	struct capture out = { .buf = how->out, .cap = how->out_cap };
	struct capture msg = { .buf = messages,
		.cap = sizeof(messages),
		.keep_tail = true,
		.is_heard = how->is_heard };
	int in[2] = { -1, -1 }, outp[2] = { -1, -1 }, errp[2] = { -1, -1 };
	int status, rc = -1;
	pid_t self = getpid(), child;

	if (how->out == NULL) {
		out.buf = spare;
		out.cap = sizeof(spare);
		out.keep_tail = true;
	}
	if (how->stdin_fd != -1)
		in[0] = fcntl(how->stdin_fd, F_DUPFD_CLOEXEC, 3);
	else if (how->input == NULL)
		in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	else if (pipe2(in, O_CLOEXEC) == -1)
		in[0] = -1;
	if (in[0] == -1 || pipe2(outp, O_CLOEXEC) == -1 ||
	    pipe2(errp, O_CLOEXEC) == -1) {
		error_sys(err, EX_OSERR, "%s", how->argv[0]);
		goto out;
	}
	child = fork();
	if (child == -1) {
		error_sys(err, EX_OSERR, "%s", how->argv[0]);
		goto out;
	}
	if (child == 0)
		become_helper(how, in[0], outp[1], errp[1], self);
	fd_drop(&in[0]);
	fd_drop(&outp[1]);
	fd_drop(&errp[1]);
	/* A helper that does not read its input tells so by its status. */
	if (in[1] != -1)
		(void)fd_write(in[1], how->input, strlen(how->input),
		    how->argv[0], NULL);
	fd_drop(&in[1]);
	rc = drain(&out, outp[0], &msg, errp[0], how->deadline_ms, err);
	if (rc == -1) {
		error_wrap(err, "%s", how->argv[0]);
		kill(child, SIGKILL);
	}
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		continue;
	out.buf[out.len] = '\0';
	messages[msg.len] = '\0';
	if (rc == 0)
		rc = look_at_end(how, status, messages,
		    how->out != NULL && out.overrun, err);
out:
	fd_drop(&in[0]);
	fd_drop(&in[1]);
	fd_drop(&outp[0]);
	fd_drop(&outp[1]);
	fd_drop(&errp[0]);
	fd_drop(&errp[1]);
	return rc;
}
