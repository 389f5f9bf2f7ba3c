/* SPDX-License-Identifier: ISC */
#include "wait.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/sig.h"
#include "state/vm_at.h"

#define LOOK_MS 20 /* between two looks at files */
#define ASK_MS 50 /* between two questions to the VMM */

/* 1 it holds, 0 not yet, -1 it never will. */
static int
look_at_state(struct vm_at *at, const struct wish *wish, struct error *err)
{
	enum status status;
	int rc;

	/* The end of a process needs no question. */
	if (wish->state == STATUS_STOPPED && vm_is_alive(&at->vm))
		return 0;
	rc = status_known(&status, &at->vm, at->dirfd, err);
	if (rc != 1)
		return rc;
	if (status == wish->state)
		return 1;
	if (status == STATUS_ERROR)
		return error_set(err, EX_UNAVAILABLE, "state error%s%s",
		    at->vm.error == NULL ? "" : ": ",
		    at->vm.error == NULL ? "" : at->vm.error);
	return 0;
}

static int
look(struct vm_at *at, const struct wish *wish, struct ready_look *guest,
    struct error *err)
{
	return guest != NULL ? ready_look(guest, at, wish->deadline_ms, err)
			     : look_at_state(at, wish, err);
}

static int
keep_looking(struct vm_at *at, const char *ref, const struct wish *wish,
    struct ready_look *guest, struct error *err)
{
	int nap = guest != NULL || wish->state == STATUS_STOPPED ? LOOK_MS
								 : ASK_MS;
	bool told = wish->quiet;
	int rc, left;

	for (;;) {
		rc = look(at, wish, guest, err);
		if (rc != 0)
			return rc == 1 ? 0 : -1;
		left = clock_left(wish->deadline_ms);
		if (left == 0)
			return error_set(err, EX_TEMPFAIL, "the time is over");
		if (!told && !vm_is_alive(&at->vm))
			diag("%s: is not running: waiting for vm-start", ref);
		told = true;
		clock_nap(left < nap ? left : nap);
		if (sig_check(err) == -1 || vm_at_refresh(at, err) == -1)
			return -1;
	}
}

int
wait_for(void *arg, const char *ref, struct error *err)
{
	const struct wish *wish = arg;
	struct ready_look *guest = NULL;
	struct vm_at at;
	int rc = 0;

	if (vm_at_open(&at, wish->root, ref, false, 0, err) == -1)
		return -1;
	if (wish->ready.kind != READY_NONE &&
	    (rc = ready_can_be(&wish->ready, &at.vm, err)) == 0)
		rc = ready_begin(&guest, &wish->ready, err);
	if (rc == 0)
		rc = keep_looking(&at, ref, wish, guest, err);
	ready_end(guest);
	vm_at_close(&at);
	return rc == -1 ? error_wrap(err, "%s", ref) : 0;
}
