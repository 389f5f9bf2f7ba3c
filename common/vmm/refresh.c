/* SPDX-License-Identifier: ISC */
#include "vmm/refresh.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/sig.h"
#include "state/vm_at.h"
#include "state/vm_seed.h"
#include "vmm/host/agent_report.h"
#include "vmm/refresh_one.h"

#define AT_ONCE 32 /* guests */
#define AT_ONCE_RUN 8 /* whose agents may each keep megabytes of output */
#define POLL_MS 200 /* so that a signal is noticed soon */

/* A process that asks one of them. */
struct asked {
	struct ready_item *item;
	struct vm_at at;
	pid_t pid;
	int life; /* the reading end of a pipe that ends with it */
	int said; /* a file in memory: struct refresh_said */
};

struct crowd {
	const struct refresh_how *how;
	const struct root *root;
	struct asked v[AT_ONCE];
	size_t n; /* of them that are under way: the first ones */
	int status;
	bool is_told; /* a signal has been, by the caller */
	struct error signal; /* that ends it, or code 0 */
};

int
refresh_plan(struct ready_refresh *out, const struct refresh_how *how,
    struct vmm *vmm, const struct vm *vm, int dirfd, bool is_same,
    struct error *err)
{
	struct error why = { 0 };
	bool is_there = false;
	int rc = 0;

	*out = (struct ready_refresh){ .steps = how->steps };
	if (!how->is_said && vmm_agent_is_there(vmm, &is_there, &why) == -1)
		is_there = false;
	if (is_there)
		out->steps = is_same
		    ? REFRESH_DEFAULT & ~REFRESH_BIT(VM_REFRESH_HOSTNAME)
		    : REFRESH_DEFAULT;
	if ((out->steps & REFRESH_BIT(VM_REFRESH_HOSTNAME)) != 0 &&
	    vm_seed_hostname(out->hostname, sizeof(out->hostname), vm, dirfd,
		err) == -1) {
		out->steps &= ~REFRESH_BIT(VM_REFRESH_HOSTNAME);
		rc = -1;
	}
	out->is_asked = out->steps != 0 || how->run != NULL ||
	    vm->thaw != VM_THAW_DONE;
	return rc;
}

static int
put_run(json_t *record, const struct refresh_said *said, struct error *err)
{
	json_t *run = json_object();

	if (agent_report_end(run, &said->end, err) == -1 ||
	    json_put(run, "ms", json_real((double)said->script_us / 1000),
		err) == -1) {
		json_decref(run);
		return -1;
	}
	return json_put(record, "run", run, err);
}

static int
tell(struct asked *one, const struct refresh_said *said, struct error *err)
{
	one->at.vm.identity = said->identity;
	one->at.vm.thaw = said->thaw;
	if (vm_report_identity(one->item->record, &one->at.vm, err) == -1)
		return -1;
	return said->end.has_ended ? put_run(one->item->record, said, err) : 0;
}

/*
 * What was asked for, or is worse than what the user would have had without, is a
 * failure.  A signal is told once, and is meant for all: but who may stand still
 * is named.
 */
static void
judge(struct crowd *c, const struct asked *one, const struct refresh_said *said)
{
	const char *label = vm_label(&one->at.vm);
	struct error err = said->err;

	if (said->record.code != 0)
		diag("%s: warning: what its guest has said is not recorded: %s",
		    label, said->record.msg);
	if (err.code > 128 && !said->is_frozen) {
		if (c->signal.code == 0)
			diag_failure(&c->status, &err);
		c->signal = err;
	} else if (err.code != 0 &&
	    (refresh_is_asked_for(c->how) || said->is_frozen)) {
		error_wrap(&err, "%s", label);
		diag_failure(&c->status, &err);
	} else if (err.code != 0)
		diag("%s: warning: not all of it is new: %s", label, err.msg);
}

/* One whose process has ended: its place is another's. */
static void
finish(struct crowd *c, size_t i)
{
	struct asked one = c->v[i];
	struct refresh_said said;
	struct error err = { 0 };
	int how;

	c->v[i] = c->v[--c->n];
	while (waitpid(one.pid, &how, 0) == -1 && errno == EINTR)
		continue;
	if (!WIFEXITED(how) || WEXITSTATUS(how) != EX_OK) {
		error_set(&err, EX_OSERR,
		    "%s: the process that asked its guest has failed",
		    vm_label(&one.at.vm));
		diag_failure(&c->status, &err);
	} else if (refresh_said_read(&said, one.said, &err) == -1)
		diag_failure(&c->status, &err);
	else {
		judge(c, &one, &said);
		if (tell(&one, &said, &err) == -1)
			diag_failure(&c->status, &err);
		agent_end_fini(&said.end);
	}
	fd_drop(&one.life);
	fd_drop(&one.said);
	vm_at_close(&one.at);
}

/*
 * The child: it goes on when we are gone, so that no guest stands still, and
 * keeps nothing of our standard streams.
 */
static void
ask(const struct crowd *c, struct asked *one)
{
	size_t i;

	if (proc_silence(STDERR_FILENO) == -1)
		_exit(EX_OSERR);
	for (i = 0; i < c->n; i++)
		close(c->v[i].life);
	_exit(refresh_one(&one->at, &one->item->refresh, c->how, &c->signal,
	    one->said));
}

static int
start(const struct crowd *c, struct asked *one, struct error *err)
{
	int life[2] = { -1, -1 };

	one->said = memfd_create("refresh", MFD_CLOEXEC);
	if (one->said == -1)
		return error_sys(err, EX_OSERR, "memory");
	if (pipe2(life, O_CLOEXEC) == -1) {
		error_sys(err, EX_OSERR, "pipe");
		fd_drop(&one->said);
		return -1;
	}
	one->pid = fork();
	if (one->pid == 0)
		ask(c, one);
	if (one->pid == -1) {
		error_sys(err, EX_OSERR, "fork");
		fd_drop(&life[0]);
		fd_drop(&one->said);
	}
	fd_drop(&life[1]);
	one->life = life[0];
	return one->pid == -1 ? -1 : 0;
}

static void
begin(struct crowd *c, struct ready_item *item)
{
	struct asked *one = &c->v[c->n];
	struct error err = { 0 };

	if (vm_at_open(&one->at, c->root, item->id, false, 0, &err) == -1) {
		diag_failure(&c->status, &err);
		return;
	}
	one->item = item;
	if (start(c, one, &err) == -1) {
		error_wrap(&err, "%s", vm_label(&one->at.vm));
		diag_failure(&c->status, &err);
		vm_at_close(&one->at);
	} else
		c->n++;
}

/* A signal of ours is theirs, too; who is asked later hears of it at once. */
static void
look_for_signal(struct crowd *c)
{
	size_t i;

	if (c->signal.code != 0 || sig_check(&c->signal) == 0)
		return;
	if (c->is_told)
		c->status = c->signal.code;
	else
		diag_failure(&c->status, &c->signal);
	for (i = 0; i < c->n; i++)
		kill(c->v[i].pid, c->signal.code - 128);
	/* What they say is read, and the records are printed, all the same. */
	sig_shield();
}

static void
await_some(struct crowd *c)
{
	struct pollfd fds[AT_ONCE];
	size_t i;

	for (i = 0; i < c->n; i++)
		fds[i] = (struct pollfd){ .fd = c->v[i].life };
	if (poll(fds, (nfds_t)c->n, POLL_MS) <= 0)
		return;
	/* From the last one on: what takes the place of one was looked at. */
	for (i = c->n; i-- > 0;)
		if (fds[i].revents != 0)
			finish(c, i);
}

int
refresh_all(struct ready_list *list, const struct refresh_how *how,
    const struct root *root, bool is_told)
{
	struct crowd *c = calloc(1, sizeof(*c));
	size_t next = 0, most = how->run == NULL ? AT_ONCE : AT_ONCE_RUN;
	int status;

	if (c == NULL) {
		diag("out of memory");
		return EX_OSERR;
	}
	c->how = how;
	c->root = root;
	c->is_told = is_told;
	while (c->n > 0 || next < list->n) {
		look_for_signal(c);
		for (; c->n < most && next < list->n; next++)
			if (list->v[next].refresh.is_asked)
				begin(c, &list->v[next]);
		if (c->n > 0)
			await_some(c);
	}
	status = c->status;
	free(c);
	hook_step("refreshed");
	return status;
}
