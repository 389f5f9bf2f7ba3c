/* SPDX-License-Identifier: ISC */
#include "wait.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/sig.h"
#include "vmm/host/reach.h"
#include "vmm/status.h"

#define TELL_MS 2000 /* a wait of which a word is said */

/* That it is waited for, and for whom where it is not the guest. */
static void
tell(struct vm_at *at, const struct route *route, const char *ref)
{
	enum status status;

	if (status_known(&status, &at->vm, at->dirfd, NULL) == 1 &&
	    status == STATUS_PAUSED)
		diag("%s: is paused: waiting for vm-resume", ref);
	else if (route->port == 0)
		diag("%s: is starting: waiting for its port of this host", ref);
	else if (route->link_down)
		diag("%s: its link is down: waiting for vm-resume --link-up",
		    ref);
	else
		diag("%s: waiting for an ssh server at %s:%u", ref, route->addr,
		    route->port);
}

/* The VM as it is now: it may have ended. */
static int
look_anew(struct vm_at *at, struct error *err)
{
	if (vm_at_refresh(at, err) == -1)
		return -1;
	return vm_is_alive(&at->vm)
	    ? 0
	    : error_set(err, EX_UNAVAILABLE, "has ended");
}

static int
over(const struct reach *reach, const struct vm_at *at, int64_t wait_ms,
    struct error *err)
{
	int sys = reach->answer.sys;

	if (route_check_known(&reach->route, err) == -1)
		return error_wrap(err, "after %g s", (double)wait_ms / 1000);
	return error_set(err, EX_TEMPFAIL,
	    "no ssh server at %s:%u after %g s%s%s: --timeout waits "
	    "longer, %s/%s tells what the guest does",
	    reach->route.addr, reach->route.port, (double)wait_ms / 1000,
	    sys == 0 ? "" : ": ", sys == 0 ? "" : strerror(sys), at->dir,
	    VM_CONSOLE_LOG);
}

static int
keep_looking(struct reach *reach, struct vm_at *at, const char *ref,
    const struct opts *o, int64_t start_ms, struct error *err)
{
	int64_t tell_ms = clock_ms() + TELL_MS, deadline_ms, wait_ms;
	bool quiet = o->common.quiet;
	int rc;

	for (;;) {
		/* A VM that starts says with what only in its next record. */
		wait_ms = options_wait_ms(o, &at->vm);
		deadline_ms = start_ms + wait_ms;
		if (clock_left(deadline_ms) == 0)
			return over(reach, at, wait_ms, err);
		rc = sig_check(err);
		if (rc == 0)
			rc = reach_look(reach, &at->vm, deadline_ms, err);
		if (rc != 0)
			return rc == 1 ? 0 : -1;
		if (!quiet && clock_left(tell_ms) == 0) {
			tell(at, &reach->route, ref);
			quiet = true;
		}
		if (look_anew(at, err) == -1)
			return -1;
	}
}

int
wait_for_server(struct vm_at *at, struct route *route, const char *ref,
    const struct opts *o, int64_t start_ms, struct error *err)
{
	struct reach *reach = malloc(sizeof(*reach));
	int rc;

	if (reach == NULL)
		return error_nomem(err, NULL);
	reach_init(reach);
	reach->route = *route;
	rc = keep_looking(reach, at, ref, o, start_ms, err);
	*route = reach->route;
	reach_fini(reach);
	free(reach);
	return rc;
}
