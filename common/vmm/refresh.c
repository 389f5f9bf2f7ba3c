/* SPDX-License-Identifier: ISC */
#include "vmm/refresh.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/hook.h"
#include "base/json.h"
#include "state/vm_at.h"
#include "state/vm_seed.h"
#include "vmm/host/agent_report.h"
#include "vmm/quiesce.h"
#include "vmm/refresh_guest.h"

#define AT_ONCE 32 /* guests; each takes three descriptors */
#define RECORD_WAIT_MS                                                         \
	10000 /* for the lock of a VM that somebody uses already */

/* One that is asked; NULL: there is none. */
struct asked {
	struct ready_item *item;
	struct vm_at at;
	struct refresh_guest guest;
};

struct crowd {
	const struct refresh_how *how;
	const struct root *root;
	struct asked v[AT_ONCE];
	size_t n; /* of them that are under way: the first ones */
	int status;
	struct error signal; /* that ends it, or code 0 */
};

int
refresh_plan(struct ready_refresh *out, const struct refresh_how *how,
    struct vmm *vmm, const struct vm *vm, int dirfd, bool is_same,
    struct error *err)
{
	struct error why = { 0 };
	bool is_there = false;

	*out = (struct ready_refresh){ .steps = how->steps };
	if (!how->is_said && vmm_agent_is_there(vmm, &is_there, &why) == -1)
		is_there = false;
	if (is_there)
		out->steps = is_same
		    ? REFRESH_DEFAULT & ~REFRESH_BIT(VM_REFRESH_HOSTNAME)
		    : REFRESH_DEFAULT;
	out->is_asked = out->steps != 0 || how->run != NULL ||
	    vm->thaw != VM_THAW_DONE;
	return (out->steps & REFRESH_BIT(VM_REFRESH_HOSTNAME)) == 0
	    ? 0
	    : vm_seed_hostname(out->hostname, sizeof(out->hostname), vm, dirfd,
		  err);
}

static int64_t
deadline(const struct refresh_how *how, const struct vm *vm)
{
	bool is_slow = vm->accel == VM_ACCEL_TCG;

	if (how->timeout.given)
		return clock_ms() + (int64_t)how->timeout.ms;
	if (how->run == NULL)
		return quiesce_deadline(vm);
	return clock_ms() + (is_slow ? READY_WAIT_EMULATED_MS : READY_WAIT_MS);
}

/* Whether it is still the guest that was asked. */
static bool
is_same_process(const struct vm *a, const struct vm *b)
{
	return a->proc.pid == b->proc.pid &&
	    a->proc.start_ticks == b->proc.start_ticks;
}

/* Into the VM's record, which somebody may have changed meanwhile. */
static int
record_it(const struct crowd *c, struct asked *one, struct error *err)
{
	const struct vm *vm = &one->at.vm;
	struct timespec now;
	struct vm_at at;
	int rc = 0;

	if (vm_at_open(&at, c->root, vm->id, true, clock_ms() + RECORD_WAIT_MS,
		err) == -1)
		return err->code == EX_NOINPUT ? 0 : -1;
	if (is_same_process(&at.vm, vm)) {
		memcpy(at.vm.identity.refreshed, vm->identity.refreshed,
		    sizeof(vm->identity.refreshed));
		memcpy(at.vm.identity.hostname, vm->identity.hostname,
		    sizeof(vm->identity.hostname));
		at.vm.thaw = vm->thaw;
		clock_gettime(CLOCK_REALTIME, &now);
		rc = vm_at_write(&at, false, &now, err);
	}
	vm_at_close(&at);
	return rc;
}

static int
put_run(json_t *record, const struct refresh_guest *g, struct error *err)
{
	json_t *run = json_object();

	if (agent_report_end(run, &g->end, err) == -1 ||
	    json_put(run, "ms", json_real((double)g->script_us / 1000), err) ==
		-1) {
		json_decref(run);
		return -1;
	}
	return json_put(record, "run", run, err);
}

static bool
is_confirmed(const struct vm *vm, enum vm_refresh step)
{
	return strcmp(vm->identity.refreshed[step].result, "confirmed") == 0;
}

static int
tell(const struct crowd *c, struct asked *one, struct error *err)
{
	struct vm *vm = &one->at.vm;

	if (is_confirmed(vm, VM_REFRESH_HOSTNAME))
		snprintf(vm->identity.hostname, sizeof(vm->identity.hostname),
		    "confirmed");
	/* They were of the one that was saved. */
	if (is_confirmed(vm, VM_REFRESH_SSH_KEYS))
		unlinkat(one->at.dirfd, VM_KNOWN_HOSTS, 0);
	if (vm_report_identity(one->item->record, vm, err) == -1 ||
	    (one->guest.end.has_ended &&
		put_run(one->item->record, &one->guest, err) == -1))
		return -1;
	return record_it(c, one, err);
}

/* It was asked for, or is worse than what the user would have had without. */
static bool
is_failure(const struct crowd *c, const struct refresh_guest *g)
{
	return refresh_is_asked_for(c->how) || g->is_frozen;
}

/* The place of one that is over is another's. */
static void
finish(struct crowd *c, size_t i)
{
	struct asked *one = &c->v[i];
	struct refresh_guest *g = &one->guest;
	struct error err = { 0 };

	if (tell(c, one, &err) == -1)
		diag("%s: warning: what its guest has said is not recorded: %s",
		    vm_label(&one->at.vm), err.msg);
	if (g->err.code > 128) {
		/* It is told once, and is meant for all. */
		if (c->signal.code == 0)
			diag_failure(&c->status, &g->err);
		c->signal = g->err;
		c->status = g->err.code;
	} else if (g->err.code != 0 && is_failure(c, g)) {
		error_wrap(&g->err, "%s", vm_label(&one->at.vm));
		diag_failure(&c->status, &g->err);
	} else if (g->err.code != 0)
		diag("%s: warning: not all of it is new: %s",
		    vm_label(&one->at.vm), g->err.msg);
	refresh_guest_fini(g);
	vm_at_close(&one->at);
	if (i < --c->n) {
		*one = c->v[c->n];
		/* What it points to has moved, too. */
		one->guest.vm = &one->at.vm;
	}
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
	one->guest = (struct refresh_guest){ .vm = &one->at.vm,
		.dirfd = one->at.dirfd,
		.steps = item->refresh.steps,
		.hostname = item->refresh.hostname,
		.script = c->how->run == NULL ? NULL : c->how->script,
		.script_len = c->how->script_len,
		.deadline_ms = deadline(c->how, &one->at.vm),
		.is_default = !refresh_is_asked_for(c->how) };
	c->n++;
	hook_step("refreshing");
}

static void
look_at_all(struct crowd *c)
{
	int64_t next_ms = INT64_MAX;
	size_t i;
	int left;

	for (i = 0; i < c->n; i++)
		if (c->v[i].guest.look_ms < next_ms)
			next_ms = c->v[i].guest.look_ms;
	left = clock_left(next_ms);
	if (left > 0)
		clock_nap(left);
	/* From the last one on: what takes the place of one was looked at. */
	for (i = c->n; i-- > 0;) {
		if (c->signal.code != 0)
			refresh_guest_end(&c->v[i].guest, &c->signal);
		else if (clock_left(c->v[i].guest.look_ms) == 0)
			refresh_guest_look(&c->v[i].guest);
		if (c->v[i].guest.is_over)
			finish(c, i);
	}
}

int
refresh_all(struct ready_list *list, const struct refresh_how *how,
    const struct root *root)
{
	struct crowd *c = calloc(1, sizeof(*c));
	size_t next = 0;
	int status;

	if (c == NULL) {
		diag("out of memory");
		return EX_OSERR;
	}
	c->how = how;
	c->root = root;
	while (c->n > 0 || next < list->n) {
		for (; c->n < AT_ONCE && next < list->n; next++)
			if (list->v[next].refresh.is_asked)
				begin(c, &list->v[next]);
		if (c->n > 0)
			look_at_all(c);
	}
	status = c->status;
	free(c);
	hook_step("refreshed");
	return status;
}
