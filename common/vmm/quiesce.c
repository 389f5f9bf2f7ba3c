/* SPDX-License-Identifier: ISC */
#include "vmm/quiesce.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hook.h"
#include "base/sig.h"
#include "vmm/host/agent_freeze.h"

int
quiesce_opt(struct quiesce *q, const char *value)
{
	if (q->want != QUIESCE_NO)
		return opt_wrong("--freeze given twice");
	if (value != NULL && strcmp(value, "try") != 0)
		return opt_wrong("--freeze: %s: not try", value);
	q->want = value == NULL ? QUIESCE_MUST : QUIESCE_TRY;
	return 0;
}

int
quiesce_opt_timeout(struct quiesce *q, const char *value)
{
	return opt_duration(&q->timeout, value, "--freeze-timeout");
}

int
quiesce_opt_check(const struct quiesce *q)
{
	return q->timeout.given && q->want == QUIESCE_NO
	    ? opt_wrong("--freeze-timeout needs --freeze")
	    : 0;
}

/* Out of time is no reason to try again: the guest does not answer. */
static int
is_silent(struct error *err)
{
	return err->code == EX_TEMPFAIL
	    ? error_set(err, EX_UNAVAILABLE,
		  "guest agent: it has frozen nothing in time")
	    : -1;
}

static int
freeze(struct quiesce *q, struct watcher *watcher, int64_t deadline_ms,
    struct error *err)
{
	const char *refusal;
	bool is_frozen;

	if (agent_hold(q->agent, deadline_ms, err) == -1)
		return -1;
	if (agent_is_frozen(q->agent, &is_frozen, deadline_ms, err) == -1)
		return is_silent(err);
	/* By somebody who will thaw it, perhaps before we have its disks. */
	if (is_frozen)
		return error_set(err, EX_UNAVAILABLE,
		    "guest agent: its filesystems are frozen already");
	if (watcher_thaws(watcher, err) == -1)
		return -1;
	q->is_asked = true;
	q->start_us = clock_us();
	hook_step("freezing");
	if (agent_freeze(q->agent, &q->filesystems, deadline_ms, err) == -1) {
		refusal = agent_refusal(q->agent);
		if (refusal != NULL && strcmp(refusal, AGENT_NO_COMMAND) == 0)
			q->is_asked = false;
		return is_silent(err);
	}
	hook_step("frozen");
	return q->filesystems > 0
	    ? 0
	    : error_set(err, EX_UNAVAILABLE,
		  "guest agent: there was no filesystem to freeze");
}

static int
begin(struct quiesce *q, const struct vm *vm, int dirfd,
    struct watcher *watcher, struct error *err)
{
	int64_t ms = q->timeout.given ? (int64_t)q->timeout.ms
				      : QUIESCE_WAIT_MS;
	struct error why = { 0 };

	if (agent_open(&q->agent, vm, dirfd, err) == -1)
		return -1;
	if (freeze(q, watcher, clock_ms() + ms, &why) == 0) {
		q->is_frozen = true;
		return 0;
	}
	q->filesystems = 0;
	if (q->is_asked)
		quiesce_end(q, NULL);
	q->frozen_ms = 0;
	if (q->is_asked)
		error_set(err, why.code, "%s; " QUIESCE_UNSURE, why.msg);
	else if (err != NULL)
		*err = why;
	return -1;
}

int
quiesce_begin(struct quiesce *q, const struct vm *vm, int dirfd, bool is_paused,
    struct watcher *watcher, struct error *err)
{
	struct error why = { 0 };
	int rc;

	if (q->want == QUIESCE_NO)
		return 0;
	rc = is_paused
	    ? error_set(&why, EX_NOPERM,
		  "paused: only a guest that runs can freeze its filesystems")
	    : begin(q, vm, dirfd, watcher, &why);
	if (rc == 0)
		return 0;
	if (q->want == QUIESCE_TRY && !q->is_asked && why.code <= 128) {
		q->why = why;
		return 0;
	}
	if (err != NULL)
		*err = why;
	return -1;
}

/* A signal that comes meanwhile ends the question, which is asked again. */
static int
thaw(struct quiesce *q, uint64_t *n, struct error *err)
{
	struct error why = { 0 };

	if (sig_check(&q->signal) == -1)
		sig_shield();
	if (agent_thaw(q->agent, n, clock_ms() + AGENT_CALL_MS, &why) == 0)
		return 0;
	if (why.code > 128) {
		q->signal = why;
		sig_shield();
		return agent_thaw(q->agent, n, clock_ms() + AGENT_CALL_MS, err);
	}
	if (err != NULL)
		*err = why;
	return -1;
}

int
quiesce_end(struct quiesce *q, struct error *err)
{
	struct error why = { 0 };
	uint64_t n;

	if (!q->is_asked)
		return 0;
	if (thaw(q, &n, &why) == -1) {
		q->is_frozen = false;
		agent_release(q->agent);
		return error_set(err,
		    q->signal.code != 0 ? q->signal.code : EX_UNAVAILABLE,
		    QUIESCE_UNSURE ": %s", why.msg);
	}
	hook_step("thawed");
	q->is_asked = false;
	q->frozen_ms = (double)(clock_us() - q->start_us) / 1000;
	if (q->signal.code != 0)
		return error_set(err, q->signal.code, "%s", q->signal.msg);
	if (n >= q->filesystems)
		return 0;
	q->is_frozen = false;
	error_set(&q->why, EX_UNAVAILABLE,
	    "guest agent: of %" PRIu64 " filesystems %" PRIu64
	    " were still frozen",
	    q->filesystems, n);
	if (q->want == QUIESCE_TRY)
		return 0;
	return error_set(err, q->why.code, "%s", q->why.msg);
}

int64_t
quiesce_deadline(const struct vm *vm)
{
	return clock_ms() +
	    (vm->accel == VM_ACCEL_TCG ? QUIESCE_LOADED_EMULATED_MS
				       : QUIESCE_LOADED_MS);
}

/* What came of it, into the record; returns -1 after a failure. */
static int
note_thaw(struct vm *vm, int64_t start_us, int rc, const struct error *why,
    struct error *err)
{
	struct vm_refreshed *r = &vm->identity.refreshed[VM_REFRESH_THAW];

	r->us = (uint64_t)(clock_us() - start_us);
	snprintf(r->result, sizeof(r->result), "%s",
	    rc == 0 ? "confirmed" : "unconfirmed");
	vm_refreshed_why(r, rc == 0 ? "" : why->msg);
	if (rc == 0) {
		vm->thaw = VM_THAW_DONE;
		return 0;
	}
	return error_set(err, why->code > 128 ? why->code : EX_UNAVAILABLE,
	    "it runs, but " QUIESCE_UNSURE ": %s", why->msg);
}

int
quiesce_thaw_at(struct vm_at *at, struct error *err)
{
	int64_t start_us = clock_us();
	struct error why = { 0 };
	struct agent *agent = NULL;
	struct timespec now;
	uint64_t n;
	int rc;

	if (at->vm.thaw == VM_THAW_DONE)
		return 0;
	rc = agent_open(&agent, &at->vm, at->dirfd, &why);
	if (rc == 0)
		rc = agent_await(agent, quiesce_deadline(&at->vm), &why);
	if (rc == 0)
		rc = agent_thaw(agent, &n, clock_ms() + AGENT_CALL_MS, &why);
	agent_close(agent);
	rc = note_thaw(&at->vm, start_us, rc, &why, err);
	clock_gettime(CLOCK_REALTIME, &now);
	if (vm_at_write(at, false, &now, rc == 0 ? err : NULL) == -1)
		return -1;
	return rc;
}

void
quiesce_fini(struct quiesce *q)
{
	agent_close(q->agent);
	q->agent = NULL;
}
