/* SPDX-License-Identifier: ISC */
#include "crowd.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/sig.h"

#define POLL_MS 200 /* so that a signal is noticed soon */
#define BLOCK_BYTES 65536

/* A process that is about one VM. */
struct member {
	const char *ref;
	size_t at; /* its place among them all */
	pid_t pid;
	int life; /* the reading end of a pipe that ends with it */
	int said; /* a file in memory: its line */
};

struct crowd {
	const struct run *run;
	struct member v[CROWD_AT_ONCE];
	size_t n; /* of them that are under way: the first ones */
	int status; /* of the first of all that is not EX_OK */
	size_t failed_at; /* its place */
	bool is_over; /* by a signal: nothing more is begun */
};

/* Its line goes to `said`, its failures to our stderr, its status is its own. */
static void
be_member(struct crowd *c, const char *ref, int said, pid_t parent)
{
	struct error err = { 0 };
	int status;
	size_t i;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent ||
	    dup2(said, STDOUT_FILENO) == -1)
		_exit(EX_OSERR);
	/* What others had to say is not ours to keep. */
	for (i = 0; i < c->n; i++) {
		fd_drop(&c->v[i].said);
		fd_drop(&c->v[i].life);
	}
	hook_step("exec-member");
	if (run_told(c->run, ref, &status, &err) == -1)
		status = diag_error(&err);
	_exit(status);
}

static int
start(struct crowd *c, struct member *m, const char *ref, struct error *err)
{
	int life[2] = { -1, -1 };
	pid_t self = getpid();

	*m = (struct member){ .ref = ref, .life = -1 };
	m->said = memfd_create("vm-exec", MFD_CLOEXEC);
	if (m->said == -1)
		return error_sys(err, EX_OSERR, "memory");
	if (pipe2(life, O_CLOEXEC) == -1) {
		fd_drop(&m->said);
		return error_sys(err, EX_OSERR, "pipe");
	}
	m->pid = fork();
	if (m->pid == 0)
		be_member(c, ref, m->said, self);
	fd_drop(&life[1]);
	m->life = life[0];
	if (m->pid != -1)
		return 0;
	fd_drop(&m->life);
	fd_drop(&m->said);
	return error_sys(err, EX_OSERR, "fork");
}

/* It does not depend on who was faster. */
static void
note_status(struct crowd *c, size_t at, int status)
{
	if (status == EX_OK || c->is_over ||
	    (c->status != EX_OK && c->failed_at < at))
		return;
	c->status = status;
	c->failed_at = at;
}

static void
begin(struct crowd *c, const struct strv *refs, size_t at)
{
	struct error err = { 0 };

	if (start(c, &c->v[c->n], refs->v[at], &err) == 0) {
		c->v[c->n++].at = at;
		return;
	}
	error_wrap(&err, "%s", refs->v[at]);
	note_status(c, at, diag_error(&err));
}

/* What it has to say, all of it: it has ended. */
static int
print(int said, struct error *err)
{
	char block[BLOCK_BYTES];
	uint64_t off = 0;
	off_t end = lseek(said, 0, SEEK_END);
	size_t n;

	if (end == -1)
		return error_sys(err, EX_OSERR, "memory");
	for (; off < (uint64_t)end; off += n) {
		n = (uint64_t)end - off < sizeof(block)
		    ? (size_t)((uint64_t)end - off)
		    : sizeof(block);
		if (fd_pread(said, block, n, off, "memory", err) == -1 ||
		    fd_write(STDOUT_FILENO, block, n, "standard output", err) ==
			-1)
			return -1;
	}
	return 0;
}

/* One that has ended: its place is another's. */
static void
take_end(struct crowd *c, size_t i)
{
	struct member m = c->v[i];
	struct error err = { 0 };
	int how;

	c->v[i] = c->v[--c->n];
	while (waitpid(m.pid, &how, 0) == -1 && errno == EINTR)
		continue;
	if (WIFEXITED(how))
		note_status(c, m.at, WEXITSTATUS(how));
	else {
		error_set(&err, EX_OSERR, "%s: its process was ended by %s",
		    m.ref, strsignal(WTERMSIG(how)));
		note_status(c, m.at, diag_error(&err));
	}
	if (print(m.said, &err) == -1)
		note_status(c, m.at, diag_error(&err));
	fd_drop(&m.life);
	fd_drop(&m.said);
}

/* A signal of ours is theirs, too: each ends its command, and says so. */
static void
look_for_signal(struct crowd *c)
{
	struct error err = { 0 };
	size_t i;

	if (c->is_over || sig_check(&err) == 0)
		return;
	c->is_over = true;
	c->status = err.code;
	sig_shield();
	for (i = 0; i < c->n; i++)
		kill(c->v[i].pid, err.code - 128);
}

static void
await_some(struct crowd *c)
{
	struct pollfd fds[CROWD_AT_ONCE];
	size_t i;

	for (i = 0; i < c->n; i++)
		fds[i] = (struct pollfd){ .fd = c->v[i].life };
	if (poll(fds, (nfds_t)c->n, POLL_MS) <= 0)
		return;
	/* From the last one on: what takes the place of one was looked at. */
	for (i = c->n; i-- > 0;)
		if (fds[i].revents != 0)
			take_end(c, i);
}

int
crowd_run(const struct run *run, const struct strv *refs)
{
	struct crowd c = { .run = run, .status = EX_OK };
	size_t next = 0;

	while (c.n > 0 || (next < refs->n && !c.is_over)) {
		while (c.n < CROWD_AT_ONCE && next < refs->n && !c.is_over)
			begin(&c, refs, next++);
		hook_step("exec-crowd");
		if (c.n > 0)
			await_some(&c);
		look_for_signal(&c);
	}
	return c.status;
}
