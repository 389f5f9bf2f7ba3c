/* SPDX-License-Identifier: ISC */
#include "base/aside.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sig.h"

#define POLL_MS 200 /* so that a signal is noticed soon */
#define FIRST_BYTES 4096 /* of an answer; then twice as many, and so on */

static void
leave_all_but(const struct aside *a, int word)
{
	const struct sandbox *s = &a->sandbox;
	int keep[ASIDE_FDS_MAX];
	size_t n = 0, i;

	assert(s->n + s->read_n + a->fds_n + 2 <= ASIDE_FDS_MAX);
	keep[n++] = STDERR_FILENO;
	keep[n++] = word;
	for (i = 0; i < s->n; i++)
		keep[n++] = s->dirfds[i];
	for (i = 0; i < s->read_n; i++)
		keep[n++] = s->read_dirfds[i];
	for (i = 0; i < a->fds_n; i++)
		keep[n++] = a->fds[i];
	if (fd_close_others(0, keep, n) == -1)
		_exit(EX_OSERR);
}

/* The process: first whether it went well, then its answer. */
static void
run_and_tell(const struct aside *a, int word, pid_t parent)
{
	struct aside_answer answer = { NULL, 0 };
	struct error err;

	memset(&err, 0, sizeof(err));
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(EX_OSERR);
	leave_all_but(a, word);
	if (sandbox_enter_as(&a->sandbox, &err) == 0) {
		/* *err may have been set, and what it tells of overcome. */
		if (a->run(a->arg, &answer, &err) == 0)
			err.code = 0;
		else if (err.code == 0)
			err.code = EX_SOFTWARE;
	}
	if (fd_write(word, &err, sizeof(err), a->what, NULL) == -1 ||
	    (err.code == 0 &&
		fd_write(word, answer.data, answer.len, a->what, NULL) == -1))
		_exit(EX_OSERR);
	_exit(EX_OK);
}

/* Up to `max` bytes: how many came before the end, or -1. */
static ssize_t
read_word(int word, void *buf, size_t max, struct error *err)
{
	struct pollfd pfd = { .fd = word, .events = POLLIN };
	char *p = buf;
	size_t at = 0;
	ssize_t n;

	while (at < max) {
		/* A signal that comes before a read would not end it. */
		if (sig_check(err) == -1)
			return -1;
		if (poll(&pfd, 1, POLL_MS) <= 0)
			continue;
		n = read(word, p + at, max - at);
		if (n == 0)
			break;
		if (n > 0)
			at += (size_t)n;
		else if (errno != EINTR)
			return error_sys(err, EX_OSERR, "pipe");
	}
	return (ssize_t)at;
}

/* An answer of any length, with a NUL behind it. */
static int
take_answer(char **out, size_t *len, int word, size_t max, struct error *err)
{
	size_t cap = 0, more;
	char *text = NULL, *p;
	ssize_t n;

	*len = 0;
	do {
		more = cap == 0 ? FIRST_BYTES : cap;
		if (more > max + 1 - cap)
			more = max + 1 - cap;
		p = realloc(text, cap + more + 1);
		if (p == NULL) {
			free(text);
			return error_nomem(err, NULL);
		}
		text = p;
		cap += more;
		n = read_word(word, text + *len, cap - *len, err);
		if (n == -1) {
			free(text);
			return -1;
		}
		*len += (size_t)n;
	} while (*len == cap && cap <= max);
	text[*len] = '\0';
	*out = text;
	return 0;
}

/* What it says went wrong, which may be anything. */
static int
take_error(const struct aside *a, struct error *why, struct error *err)
{
	why->msg[ERROR_MSG_MAX - 1] = '\0';
	if (why->code < EX_USAGE || why->code > 255)
		return error_set(err, EX_OSERR, "%s: answered nonsense",
		    a->what);
	if (err != NULL)
		*err = *why;
	return -1;
}

static int
hear(const struct aside *a, int word, char **out, size_t *len, bool *spoke,
    size_t max, struct error *err)
{
	struct error why;
	ssize_t n = read_word(word, &why, sizeof(why), err);

	*spoke = n == (ssize_t)sizeof(why);
	if (n == -1 || !*spoke)
		return n == -1 ? -1 : 0;
	if (why.code != 0)
		return take_error(a, &why, err);
	if (take_answer(out, len, word, max, err) == -1)
		return -1;
	if (*len <= max)
		return 0;
	return error_set(err, EX_OSERR, "%s: answered more than %zu bytes",
	    a->what, max);
}

/* Hears it to its end, which is ours to see. */
static int
await(const struct aside *a, int word, pid_t pid, char **out, size_t *len,
    size_t max, struct error *err)
{
	bool spoke = true;
	int status, rc;

	rc = hear(a, word, out, len, &spoke, max, err);
	if (rc == -1)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == EX_OK &&
	    spoke)
		return 0;
	if (rc == 0)
		error_set(err, EX_OSERR, "%s ended %s %d", a->what,
		    WIFSIGNALED(status) ? "by signal" : "with status",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
	free(*out);
	*out = NULL;
	return -1;
}

int
aside_run(const struct aside *a, void **out, size_t *len, size_t max,
    struct error *err)
{
	int word[2] = { -1, -1 }, rc;
	pid_t pid, self = getpid();
	char *text = NULL;

	if (pipe2(word, O_CLOEXEC) == -1)
		return error_sys(err, EX_OSERR, "pipe");
	pid = fork();
	if (pid == 0)
		run_and_tell(a, word[1], self);
	if (pid == -1)
		rc = error_sys(err, EX_OSERR, "fork");
	else {
		fd_drop(&word[1]);
		rc = await(a, word[0], pid, &text, len, max, err);
	}
	fd_drop(&word[0]);
	fd_drop(&word[1]);
	*out = text;
	return rc;
}

int
aside_ask(const struct aside *a, void *out, size_t len, struct error *err)
{
	void *answer;
	size_t said;

	if (aside_run(a, &answer, &said, len, err) == -1)
		return -1;
	if (said == len && len > 0)
		memcpy(out, answer, len);
	free(answer);
	return said == len
	    ? 0
	    : error_set(err, EX_OSERR, "%s: answered %zu bytes, not %zu",
		  a->what, said, len);
}
