/* SPDX-License-Identifier: ISC */
#include "reach.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/sig.h"
#include "vmm/status.h"

#include "answer.h"

/*
 * From one try to the next, where somebody says no.  Silence is another thing:
 * the network of a user-mode NIC goes on with each try for more than a minute,
 * whether we do or not, and a guest that comes up then would have to answer
 * hundreds.
 */
#define REFUSED_FIRST_MS 10
#define REFUSED_MOST_MS 200
#define SILENT_FIRST_MS 2000 /* a slow guest needs it for its first line */
#define SILENT_THEN_MS 3000
#define LOOK_MS 200 /* between two looks at the record */
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

/* When the next try is due. */
struct pace {
	int64_t tried_ms, due_ms;
	int refused_ms, silent_ms;
};

static void
pace_tried(struct pace *p)
{
	p->tried_ms = clock_ms();
	p->due_ms = p->tried_ms + p->silent_ms;
	p->silent_ms = SILENT_THEN_MS;
}

static void
pace_refused(struct pace *p)
{
	p->silent_ms = SILENT_FIRST_MS;
	if (p->due_ms > p->tried_ms + p->refused_ms)
		p->due_ms = p->tried_ms + p->refused_ms;
	p->refused_ms *= 2;
	if (p->refused_ms > REFUSED_MOST_MS)
		p->refused_ms = REFUSED_MOST_MS;
}

/* The VM as it is now: it may have ended, or have other forwards. */
static int
look_anew(struct vm_at *at, struct route *route, struct answer *answer,
    struct pace *pace, struct error *err)
{
	struct route now;

	if (vm_at_refresh(at, err) == -1)
		return -1;
	if (!vm_is_alive(&at->vm))
		return error_set(err, EX_UNAVAILABLE, "has ended");
	if (route_find(&now, &at->vm, err) == -1)
		return -1;
	if (!route_is_same(&now, route)) {
		answer_fini(answer);
		answer_init(answer);
		pace->due_ms = 0;
	}
	*route = now;
	return 0;
}

static int
over(const struct answer *answer, const struct route *route,
    const struct vm_at *at, int64_t wait_ms, struct error *err)
{
	if (route_check_known(route, err) == -1)
		return error_wrap(err, "after %g s", (double)wait_ms / 1000);
	return error_set(err, EX_TEMPFAIL,
	    "no ssh server at %s:%u after %g s%s%s: --timeout waits "
	    "longer, %s/%s tells what the guest does",
	    route->addr, route->port, (double)wait_ms / 1000,
	    answer->sys == 0 ? "" : ": ",
	    answer->sys == 0 ? "" : strerror(answer->sys), at->dir,
	    VM_CONSOLE_LOG);
}

/* Tries, and looks for a moment: what has come of it. */
static enum answer_seen
look(struct answer *answer, struct pace *pace, const struct route *route,
    int64_t deadline_ms)
{
	int64_t until_ms = clock_ms() + LOOK_MS;
	enum answer_seen seen;

	if (route->port == 0)
		pace->due_ms = until_ms;
	else if (clock_left(pace->due_ms) == 0) {
		pace_tried(pace);
		if (!answer_try(answer, route))
			pace_refused(pace);
	}
	if (until_ms > pace->due_ms)
		until_ms = pace->due_ms;
	seen = answer_look(answer,
	    until_ms < deadline_ms ? until_ms : deadline_ms);
	if (seen == ANSWER_REFUSED)
		pace_refused(pace);
	return seen;
}

int
reach_wait(struct vm_at *at, struct route *route, const char *ref,
    const struct opts *o, int64_t start_ms, struct error *err)
{
	struct answer *answer = malloc(sizeof(*answer));
	struct pace pace = { .refused_ms = REFUSED_FIRST_MS,
		.silent_ms = SILENT_FIRST_MS };
	int64_t tell_ms = clock_ms() + TELL_MS, deadline_ms;
	bool quiet = o->common.quiet;
	int64_t wait_ms;
	int rc;

	if (answer == NULL)
		return error_nomem(err, NULL);
	answer_init(answer);
	for (;;) {
		/* A VM that starts says with what only in its next record. */
		wait_ms = options_wait_ms(o, &at->vm);
		deadline_ms = start_ms + wait_ms;
		rc = clock_left(deadline_ms) == 0
		    ? over(answer, route, at, wait_ms, err)
		    : sig_check(err);
		if (rc == -1 ||
		    look(answer, &pace, route, deadline_ms) == ANSWER_SERVER)
			break;
		if (!quiet && clock_left(tell_ms) == 0) {
			tell(at, route, ref);
			quiet = true;
		}
		rc = look_anew(at, route, answer, &pace, err);
		if (rc == -1)
			break;
	}
	answer_fini(answer);
	free(answer);
	return rc;
}
