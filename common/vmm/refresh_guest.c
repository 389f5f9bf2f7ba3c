/* SPDX-License-Identifier: ISC */
#include "vmm/refresh_guest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/sig.h"
#include "vmm/host/agent_freeze.h"
#include "vmm/quiesce.h"
#include "vmm/refresh_command.h"
#include "vmm/refresh_how.h"

#define FIRST_NAP_MS 2
#define MOST_NAP_MS 250
#define STOP_MS 10000 /* for a command to end that is out of time */

#define STEP_STREAM_MAX 4096 /* of what a step's command has to say */
#define CLOCK_OFF_MS                                                           \
	2000 /* a guest's clock that is as right as that is right */
#define CLOCK_TRIES 4
#define NS_A_MS 1000000

void
refresh_guest_fini(struct refresh_guest *g)
{
	agent_close(g->agent);
	g->agent = NULL;
	agent_end_fini(&g->end);
}

/* What came of a step; of the first that failed the cause is kept. */
static void
note(struct refresh_guest *g, enum vm_refresh step, const char *result,
    int code, const char *why)
{
	struct vm_refreshed *r = &g->vm->identity.refreshed[step];

	snprintf(r->result, sizeof(r->result), "%s", result);
	r->us = (uint64_t)(clock_us() - g->start_us);
	vm_refreshed_why(r, why);
	if (code != 0 && g->err.code == 0)
		error_set(&g->err, code, "%s: %s", vm_refresh_name(step),
		    r->why);
}

/* The guest says nothing any more: nor does it about what is left. */
static void
give_up(struct refresh_guest *g, const struct error *why)
{
	enum vm_refresh step;

	if (g->vm->thaw != VM_THAW_DONE) {
		g->is_frozen = true;
		note(g, VM_REFRESH_THAW, "unconfirmed", 0, why->msg);
		error_set(&g->err, why->code > 128 ? why->code : EX_UNAVAILABLE,
		    "it runs, but " QUIESCE_UNSURE ": %s", why->msg);
	}
	if (g->script != NULL && g->steps == 0 && g->err.code == 0)
		error_set(&g->err, why->code, "--run: %s", why->msg);
	for (step = 0; step < VM_REFRESHES; step++)
		if (g->steps & REFRESH_BIT(step))
			note(g, step, "unconfirmed", why->code, why->msg);
	if (why->code > 128 && !g->is_frozen)
		g->err = *why;
	g->steps = 0;
	g->is_over = true;
}

/* It has said so itself. */
static bool
has_refused(const struct refresh_guest *g)
{
	return agent_refusal(g->agent) != NULL;
}

static int64_t
call_deadline(const struct refresh_guest *g)
{
	int64_t until_ms = clock_ms() + AGENT_CALL_MS;

	return until_ms < g->deadline_ms ? until_ms : g->deadline_ms;
}

static int
get_time(struct refresh_guest *g, int64_t *off_ms, struct error *err)
{
	struct jdoc *answer;
	struct timespec now;
	uint64_t ns = 0;
	int rc;

	if (agent_call(g->agent, "guest-get-time", NULL, &answer,
		AGENT_REPLY_MAX, call_deadline(g), err) == -1)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	rc = jdoc_get_u64(answer, JDOC_ROOT, "return", &ns, 0, INT64_MAX,
	    JSON_REQUIRED, err);
	jdoc_free(answer);
	if (rc == -1)
		return agent_malformed(g->agent, "guest-get-time", err);
	*off_ms = (int64_t)(ns / NS_A_MS) -
	    ((int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_A_MS);
	return 0;
}

/*
 * What the guest has now, whatever it has said of the change.  A command that
 * was long under way has set what was long ago: it is run once more.
 */
static void
check_clock(struct refresh_guest *g)
{
	struct error why = { 0 };
	char text[64];
	int64_t off_ms = 0;

	if (get_time(g, &off_ms, &why) == -1) {
		if (!has_refused(g)) {
			give_up(g, &why);
			return;
		}
		note(g, VM_REFRESH_CLOCK, "unconfirmed", why.code, why.msg);
	} else if (off_ms <= CLOCK_OFF_MS && off_ms >= -CLOCK_OFF_MS)
		note(g, VM_REFRESH_CLOCK, "confirmed", 0, "");
	else if (++g->tries < CLOCK_TRIES)
		return;
	else {
		snprintf(text, sizeof(text), "it is off by %" PRId64 " ms",
		    off_ms);
		note(g, VM_REFRESH_CLOCK, "failed", EX_UNAVAILABLE, text);
	}
	g->steps &= ~REFRESH_BIT(VM_REFRESH_CLOCK);
}

/* By the agent itself, of a guest that lets it run nothing. */
static int
set_time(struct refresh_guest *g, struct error *err)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return agent_call(g->agent, "guest-set-time",
	    json_pack("{s:I}", "time",
		(json_int_t)now.tv_sec * 1000 * NS_A_MS + now.tv_nsec),
	    NULL, AGENT_REPLY_MAX, call_deadline(g), err);
}

/* One that was saved again before it was ever thawed. */
static bool
was_frozen(struct refresh_guest *g)
{
	bool is_frozen = false;
	uint64_t n;

	if (g->was_thawed ||
	    agent_is_frozen(g->agent, &is_frozen, call_deadline(g), NULL) ==
		-1 ||
	    !is_frozen)
		return false;
	g->was_thawed = true;
	if (agent_thaw(g->agent, &n, call_deadline(g), NULL) == -1)
		return false;
	note(g, VM_REFRESH_THAW, "confirmed", 0, "");
	return true;
}

static void
refused(struct refresh_guest *g, const struct error *why)
{
	struct error again = { 0 };

	if (g->is_script) {
		error_set(&g->err, why->code, "--run: %s", why->msg);
		g->is_over = true;
	} else if (g->step == VM_REFRESH_CLOCK) {
		if (set_time(g, &again) == -1 && !has_refused(g)) {
			give_up(g, &again);
			return;
		}
		check_clock(g);
	} else {
		note(g, g->step, "failed", why->code, why->msg);
		g->steps &= ~REFRESH_BIT(g->step);
	}
}

static void
begin_command(struct refresh_guest *g)
{
	struct error why = { 0 };

	if (g->group != 0 || g->step != VM_REFRESH_CLOCK || g->tries == 0)
		g->start_us = clock_us();
	if (refresh_command_start(g, call_deadline(g), &why) == -1) {
		if (!has_refused(g))
			give_up(g, &why);
		else if (g->group != 0)
			g->is_single = true;
		else if (!was_frozen(g))
			refused(g, &why);
		return;
	}
	hook_step("refresh-asked");
	g->runs = true;
	g->nap_ms = FIRST_NAP_MS;
	g->look_ms = clock_ms() + g->nap_ms;
}

/* After a signal: the guest does not stand still for it, if it answers. */
static void
thaw_last(struct refresh_guest *g)
{
	int64_t until_ms = clock_ms() + AGENT_TRY_MS;
	uint64_t n;

	if (g->start_us == 0)
		g->start_us = clock_us();
	if (g->agent == NULL &&
	    agent_open(&g->agent, g->vm, g->dirfd, NULL) == -1)
		return;
	if (until_ms < call_deadline(g))
		until_ms = call_deadline(g);
	if (agent_thaw(g->agent, &n, until_ms, NULL) == -1)
		return;
	g->vm->thaw = VM_THAW_DONE;
	note(g, VM_REFRESH_THAW, "confirmed", 0, "");
}

void
refresh_guest_end(struct refresh_guest *g, const struct error *why)
{
	/* A second signal must not keep us from it. */
	if (why->code > 128)
		sig_shield();
	if (g->runs)
		agent_exec_stop(g->agent, g->pid, clock_ms() + STOP_MS, NULL);
	if (g->vm->thaw != VM_THAW_DONE && why->code > 128)
		thaw_last(g);
	give_up(g, why);
}

/* False: not now, or never. */
static bool
can_ask(struct refresh_guest *g)
{
	int64_t until_ms = clock_ms() + AGENT_TRY_MS;
	struct error why = { 0 };

	if (g->start_us == 0)
		g->start_us = clock_us();
	if (until_ms > g->deadline_ms)
		until_ms = g->deadline_ms;
	if (agent_hold(g->agent, until_ms, &why) == 0)
		return true;
	if (why.code > 128)
		refresh_guest_end(g, &why);
	else if (g->is_default && g->vm->thaw == VM_THAW_DONE &&
	    why.code == EX_UNAVAILABLE && clock_left(until_ms) > 0)
		g->is_over = true;
	else if (!vm_is_alive(g->vm))
		give_up(g, &why);
	else if (clock_left(g->deadline_ms) == 0) {
		why.code = EX_TEMPFAIL;
		give_up(g, &why);
	} else
		g->look_ms = clock_ms() + FIRST_NAP_MS * 10;
	return false;
}

/* The next thing that it is asked. */
static void
begin_next(struct refresh_guest *g)
{
	struct error why = { 0 };
	uint64_t n;

	if (!can_ask(g))
		return;
	if (g->vm->thaw != VM_THAW_DONE) {
		if (agent_thaw(g->agent, &n, call_deadline(g), &why) == -1)
			refresh_guest_end(g, &why);
		else {
			g->vm->thaw = VM_THAW_DONE;
			note(g, VM_REFRESH_THAW, "confirmed", 0, "");
		}
		return;
	}
	g->group = g->is_single ? 0 : g->steps & REFRESH_DEFAULT;
	if ((g->group & (g->group - 1)) != 0) {
		/* More than one: each command takes an agent long. */
		begin_command(g);
		return;
	}
	g->group = 0;
	for (g->step = 0; g->step < VM_REFRESHES; g->step++)
		if (g->steps & REFRESH_BIT(g->step)) {
			begin_command(g);
			return;
		}
	g->is_script = g->script != NULL && !g->is_over;
	if (g->is_script)
		begin_command(g);
	else
		g->is_over = true;
}

/* The first line of what it wrote. */
static void
first_line(char *out, size_t cap, const unsigned char *text, size_t len)
{
	size_t n = 0;

	while (n < len && n < cap - 1 && text[n] != '\n' && text[n] != '\0')
		n++;
	if (n > 0)
		memcpy(out, text, n);
	out[n] = '\0';
}

/* A command that says what is so now, in place of what was to be. */
static void
check_said(struct refresh_guest *g, const char *said)
{
	char text[128];

	if (strcmp(said,
		g->step == VM_REFRESH_HOSTNAME ? g->hostname : g->word) == 0) {
		note(g, g->step, "confirmed", 0, "");
		return;
	}
	snprintf(text, sizeof(text), "it is \"%.64s\" there", said);
	note(g, g->step, "failed", EX_UNAVAILABLE, text);
}

/* What its command has said, and how it ended. */
static void
take_said(struct refresh_guest *g, int status, const char *said,
    const char *why)
{
	char text[32];

	snprintf(text, sizeof(text), "status %d", status);
	if (g->step == VM_REFRESH_CLOCK) {
		/* It is done with when it is right. */
		check_clock(g);
		return;
	}
	g->steps &= ~REFRESH_BIT(g->step);
	if (status != 0)
		note(g, g->step, "failed", EX_UNAVAILABLE,
		    why[0] == '\0' ? text : why);
	else if (g->step == VM_REFRESH_HOSTNAME ||
	    g->step == VM_REFRESH_MACHINE_ID)
		check_said(g, said);
	else if (g->step != VM_REFRESH_RANDOM)
		note(g, g->step, "confirmed", 0, "");
	else if (strcmp(said, "reseeded") == 0)
		note(g, g->step, "reseeded", 0, "");
	else if (strcmp(said, "mixed") == 0)
		note(g, g->step, "mixed", 0, "");
	else
		note(g, g->step, "failed", EX_UNAVAILABLE,
		    "it does not say what it did");
}

/* The line of the step: "NAME STATUS TEXT".  False: there is none. */
static bool
find_line(const struct agent_end *end, enum vm_refresh step, int *status,
    char *text, size_t cap)
{
	const char *name = vm_refresh_name(step);
	size_t off = 0, n = strlen(name);
	char line[320], *rest;

	while (off < end->out_len) {
		first_line(line, sizeof(line), end->out + off,
		    end->out_len - off);
		if (strncmp(line, name, n) == 0 && line[n] == ' ' &&
		    line[n + 1] >= '0' && line[n + 1] <= '9') {
			*status = (int)strtol(line + n + 1, &rest, 10);
			snprintf(text, cap, "%s",
			    rest[0] == ' ' ? rest + 1 : rest);
			return true;
		}
		while (off < end->out_len && end->out[off] != '\n')
			off++;
		off++;
	}
	return false;
}

/* The clock last: where it is not told the guest is given up. */
static void
take_group(struct refresh_guest *g, const struct agent_end *end)
{
	static const enum vm_refresh order[] = { VM_REFRESH_RANDOM,
		VM_REFRESH_HOSTNAME, VM_REFRESH_CLOCK };
	char text[320];
	size_t i;
	int status;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		g->step = order[i];
		if ((g->group & REFRESH_BIT(g->step)) == 0)
			continue;
		if (!find_line(end, g->step, &status, text, sizeof(text))) {
			status = end->status;
			text[0] = '\0';
		}
		take_said(g, status, text, text);
	}
}

static void
take_end(struct refresh_guest *g, struct agent_end *end)
{
	char said[320], why[128];

	first_line(said, sizeof(said), end->out, end->out_len);
	first_line(why, sizeof(why), end->err, end->err_len);
	if (g->group != 0)
		take_group(g, end);
	else
		take_said(g, end->status, said, why);
	agent_end_fini(end);
}

static void
take_script(struct refresh_guest *g, struct agent_end *end)
{
	g->end = *end;
	g->script_us = clock_us() - g->start_us;
	g->is_over = true;
	if (end->status != 0 && g->err.code == 0)
		error_set(&g->err, EX_UNAVAILABLE, "--run: status %d",
		    end->status);
}

static void
look_at_command(struct refresh_guest *g)
{
	int64_t until_ms = clock_ms() + AGENT_TRY_MS;
	struct agent_end end = { 0 };
	struct error why = { 0 };

	/* Its time may be over: that it has ended counts still. */
	if (until_ms < call_deadline(g))
		until_ms = call_deadline(g);
	if (agent_exec_look(g->agent, g->pid, &end,
		g->is_script ? AGENT_STREAM_MAX : STEP_STREAM_MAX, until_ms,
		&why) == -1) {
		if (why.code > 128)
			refresh_guest_end(g, &why);
		else
			give_up(g, &why);
	} else if (end.has_ended) {
		g->runs = false;
		(g->is_script ? take_script : take_end)(g, &end);
	} else if (clock_left(g->deadline_ms) == 0) {
		error_set(&why, EX_TEMPFAIL, "the time is over");
		refresh_guest_end(g, &why);
	} else {
		g->look_ms = clock_ms() + g->nap_ms;
		if (g->nap_ms > MOST_NAP_MS / 2)
			agent_yield(g->agent);
		g->nap_ms += g->nap_ms / 2;
		if (g->nap_ms > MOST_NAP_MS)
			g->nap_ms = MOST_NAP_MS;
	}
}

void
refresh_guest_look(struct refresh_guest *g)
{
	struct error why = { 0 };

	if (sig_check(&why) == -1)
		refresh_guest_end(g, &why);
	else if (g->agent == NULL &&
	    agent_open(&g->agent, g->vm, g->dirfd, &why) == -1)
		give_up(g, &why);
	else if (g->runs)
		look_at_command(g);
	else
		begin_next(g);
}
