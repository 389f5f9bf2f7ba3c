/* SPDX-License-Identifier: ISC */
#include "registry/courier.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/sig.h"
#include "registry/artifact.h"

#define POLL_MS 200 /* so that a signal is noticed soon */
#define END_MS 2000 /* for it to end */
#define END_NAP_MS 2

struct courier {
	const char *what; /* borrowed */
	struct courier_share share;
	size_t shared_bytes;
	int wire;
	pid_t pid; /* 0: none, or it has been seen to end */
};

/* Bytes that stay while a push lasts, and are guests' memory: nobody's name. */
static int
open_spool(int *out, struct error *err)
{
	const char *tmp = getenv("TMPDIR");
	char path[4096];

	if (tmp == NULL || *tmp == '\0')
		tmp = "/var/tmp";
	*out = open(tmp, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (*out != -1)
		return 0;
	if (snprintf(path, sizeof(path), "%s/instar-XXXXXX", tmp) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return error_sys(err, EX_IOERR, "TMPDIR");
	}
	*out = mkostemp(path, O_CLOEXEC);
	if (*out == -1)
		return error_sys(err, error_code_of(errno), "%s", tmp);
	unlink(path);
	return 0;
}

static int
make_share(struct courier *c, const struct courier_how *how, struct error *err)
{
	size_t i, slots = how->slots_n * ERRAND_SLOT_BYTES;
	void *p;

	assert(how->slots_n > 0 && how->slots_n <= ERRAND_SLOTS_MAX);
	c->shared_bytes = slots + ARTIFACT_MANIFEST_MAX;
	p = mmap(NULL, c->shared_bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return error_sys(err, EX_OSERR, "shared memory");
	c->share.slots = p;
	c->share.slots_n = how->slots_n;
	c->share.manifest = c->share.slots + slots;
	for (i = 0; how->puts && i < ERRAND_UPLOADS; i++)
		if (open_spool(&c->share.spool[i], err) == -1)
			return -1;
	return 0;
}

/*
 * The process: nothing of the tool's but what it works with.  Where Landlock
 * keeps the tool's signals in (Linux 6.12), the kernel does not send it the one
 * of its parent's death, either; the end of the wire does.
 */
static void
be_courier(const struct courier_how *how, const struct courier *c, int wire,
    pid_t parent)
{
	int keep[ERRAND_UPLOADS + 3];
	size_t n = 0, i;

	/* Until the tool encloses itself; then the end of the wire tells. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(EX_OSERR);
	keep[n++] = STDERR_FILENO;
	keep[n++] = wire;
	for (i = 0; i < ERRAND_UPLOADS; i++)
		if (c->share.spool[i] != -1)
			keep[n++] = c->share.spool[i];
	if (proc_silence(STDOUT_FILENO) == -1 ||
	    fd_close_others(STDERR_FILENO, keep, n) == -1)
		_exit(EX_OSERR);
	how->serve(how->arg, &c->share, wire);
	_exit(EX_OK);
}

static int
start(struct courier *c, const struct courier_how *how, struct error *err)
{
	pid_t self = getpid();
	int wire[2];

	if (make_share(c, how, err) == -1)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wire) == -1)
		return error_sys(err, EX_OSERR, "socketpair");
	c->wire = wire[0];
	c->pid = fork();
	if (c->pid == 0)
		be_courier(how, c, wire[1], self);
	fd_drop(&wire[1]);
	if (c->pid == -1) {
		c->pid = 0;
		return error_sys(err, EX_OSERR, "fork");
	}
	return 0;
}

int
courier_start(struct courier **out, const struct courier_how *how,
    struct error *err)
{
	struct courier *c = calloc(1, sizeof(*c));
	size_t i;

	if (c == NULL)
		return error_nomem(err, how->what);
	c->what = how->what;
	c->wire = -1;
	for (i = 0; i < ERRAND_UPLOADS; i++)
		c->share.spool[i] = -1;
	if (start(c, how, err) == -1) {
		courier_end(c);
		return error_wrap(err, "%s", how->what);
	}
	*out = c;
	return 0;
}

/*
 * Waits for its end, for a while: one that is enclosed, as we may be, can be sent
 * no signal, not even that of our death (Landlock's scope, Linux 6.12), but sees
 * the end of its wire, within a second.
 */
static bool
reap(struct courier *c, int *status)
{
	int64_t deadline = clock_ms() + END_MS;

	fd_drop(&c->wire);
	while (waitpid(c->pid, status, WNOHANG) == 0) {
		if (clock_left(deadline) == 0)
			return false;
		clock_nap(END_NAP_MS);
	}
	c->pid = 0;
	return true;
}

void
courier_end(struct courier *c)
{
	int status;
	size_t i;

	if (c == NULL)
		return;
	if (c->pid != 0)
		reap(c, &status);
	fd_drop(&c->wire);
	for (i = 0; i < ERRAND_UPLOADS; i++)
		fd_drop(&c->share.spool[i]);
	if (c->share.slots != NULL)
		munmap(c->share.slots, c->shared_bytes);
	free(c);
}

int
courier_fd(const struct courier *c)
{
	return c->wire;
}

const struct courier_share *
courier_share(const struct courier *c)
{
	return &c->share;
}

/* A signal that reached both of us is told before what came of it. */
static int
say_ended(struct courier *c, struct error *err)
{
	int status;

	if (sig_check(err) == -1)
		return -1;
	if (c->pid == 0 || !reap(c, &status))
		return error_set(err, EX_OSERR,
		    "%s: the process that talks to it has ended", c->what);
	return error_set(err, EX_OSERR,
	    "%s: the process that talks to it ended %s %d", c->what,
	    WIFSIGNALED(status) ? "by signal" : "with status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int
courier_send(struct courier *c, const struct errand *errand, struct error *err)
{
	ssize_t n;

	do {
		if (sig_check(err) == -1)
			return -1;
		n = send(c->wire, errand, sizeof(*errand), MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof(*errand) ? 0 : say_ended(c, err);
}

/* Nothing of it is believed before it has been looked at. */
static int
check_answer(struct courier *c, struct errand_answer *a, struct error *err)
{
	const struct courier_share *s = &c->share;
	size_t n = a->kind == ERRAND_RANGE ? s->slots_n : ERRAND_UPLOADS;

	a->err.msg[ERROR_MSG_MAX - 1] = '\0';
	if ((unsigned)a->kind < ERRAND_KINDS && a->number < n &&
	    a->len <= ARTIFACT_MANIFEST_MAX &&
	    (a->err.code == 0 ||
		(a->err.code >= EX_USAGE && a->err.code <= 255)))
		return 0;
	return error_set(err, EX_OSERR,
	    "%s: the process that talks to it answered nonsense", c->what);
}

int
courier_receive(struct courier *c, struct errand_answer *answer,
    struct error *err)
{
	struct pollfd pfd = { .fd = c->wire, .events = POLLIN };
	ssize_t n;

	for (;;) {
		/* A signal that comes before a read would not end it. */
		if (sig_check(err) == -1)
			return -1;
		/* It was told already; who has asked for more awaits that, too. */
		if (pfd.fd == -1)
			return say_ended(c, err);
		if (poll(&pfd, 1, POLL_MS) <= 0)
			continue;
		n = recv(c->wire, answer, sizeof(*answer), 0);
		if (n == (ssize_t)sizeof(*answer))
			return check_answer(c, answer, err);
		if (n >= 0 || errno != EINTR)
			return say_ended(c, err);
	}
}
