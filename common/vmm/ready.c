/* SPDX-License-Identifier: ISC */
#include "vmm/ready.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sig.h"
#include "vmm/host/agent.h"
#include "vmm/host/console.h"
#include "vmm/host/console_scan.h"
#include "vmm/host/reach.h"

#define NAP_MS 20 /* between two looks */
#define HOLD_MS 2000 /* an agent's channel, which others may want, too */

struct ready_look {
	const struct ready *ready;
	struct console_scan *console; /* with READY_CONSOLE */
	struct reach reach;
};

int
ready_parse_console(struct ready *out, const char *text, struct error *err)
{
	char why[128];
	int rc;

	/* A pattern of "" would fit at once, whatever the guest says. */
	rc = text[0] == '\0'
	    ? REG_BADPAT
	    : regcomp(&out->regex, text, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		out->kind = READY_CONSOLE;
		return 0;
	}
	regerror(rc, &out->regex, why, sizeof(why));
	return error_set(err, EX_USAGE, "\"%s\": %s", text, why);
}

int
ready_parse(struct ready *out, const char *text, struct error *err)
{
	static const char console[] = "console=";

	if (strncmp(text, console, strlen(console)) == 0)
		return ready_parse_console(out, text + strlen(console), err);
	if (strcmp(text, "agent") == 0)
		out->kind = READY_AGENT;
	else if (strcmp(text, "ssh") == 0)
		out->kind = READY_SSH;
	else
		return error_set(err, EX_USAGE, "%s: not " READY_RULE, text);
	return 0;
}

int
ready_opt(struct ready *out, const char *value)
{
	struct error err = { 0 };

	if (out->kind != READY_NONE)
		return opt_wrong("--ready given twice");
	return ready_parse(out, value, &err) == -1
	    ? opt_wrong("--ready: %s", err.msg)
	    : 0;
}

int
ready_opt_timeout(struct ready *out, const char *value)
{
	return opt_duration(&out->timeout, value, "--ready-timeout");
}

int
ready_opt_check(const struct ready *r)
{
	return r->timeout.given && r->kind == READY_NONE
	    ? opt_wrong("--ready-timeout needs --ready")
	    : 0;
}

void
ready_fini(struct ready *r)
{
	if (r->kind == READY_CONSOLE)
		regfree(&r->regex);
	r->kind = READY_NONE;
}

int
ready_begin(struct ready_look **out, const struct ready *r, struct error *err)
{
	struct ready_look *look = calloc(1, sizeof(*look));

	if (look == NULL)
		return error_nomem(err, NULL);
	look->ready = r;
	reach_init(&look->reach);
	if (r->kind == READY_CONSOLE) {
		look->console = malloc(sizeof(*look->console));
		if (look->console == NULL) {
			free(look);
			return error_nomem(err, NULL);
		}
		console_scan_init(look->console);
	}
	*out = look;
	return 0;
}

void
ready_end(struct ready_look *look)
{
	if (look == NULL)
		return;
	if (look->console != NULL)
		console_scan_fini(look->console);
	free(look->console);
	reach_fini(&look->reach);
	free(look);
}

static int
look_at_console(struct ready_look *look, struct vm_at *at, struct error *err)
{
	/* Asked before the log is read: what it said last is there then. */
	bool alive = vm_is_alive(&at->vm) || console_is_writing(at->dirfd);
	bool found;

	if (console_scan_look(look->console, &at->vm, at->dirfd,
		&look->ready->regex, &found, err) == -1)
		return -1;
	if (found)
		return 1;
	if (!alive && at->vm.started_at[0] != '\0')
		return error_set(err, EX_UNAVAILABLE,
		    "ended, and no line of its console fits");
	return 0;
}

/* A guest without one yet is silent, or has nobody at its port. */
static int
look_at_agent(struct vm_at *at, int64_t deadline_ms, struct error *err)
{
	int64_t until_ms = clock_ms() + HOLD_MS;
	struct error why = { 0 };
	struct agent *agent;
	int rc;

	if (agent_open(&agent, &at->vm, at->dirfd, err) == -1)
		return -1;
	rc = agent_hold(agent, until_ms < deadline_ms ? until_ms : deadline_ms,
	    &why);
	agent_close(agent);
	if (rc == 0)
		return 1;
	if (why.code == EX_UNAVAILABLE || why.code == EX_TEMPFAIL)
		return 0;
	if (err != NULL)
		*err = why;
	return -1;
}

int
ready_can_be(const struct ready *r, const struct vm *vm, struct error *err)
{
	struct agent *agent;

	if (r->kind != READY_AGENT)
		return 0;
	if (agent_open(&agent, vm, -1, err) == -1)
		return -1;
	agent_close(agent);
	return 0;
}

int
ready_look(struct ready_look *look, struct vm_at *at, int64_t deadline_ms,
    struct error *err)
{
	if (look->ready->kind == READY_CONSOLE)
		return look_at_console(look, at, err);
	if (!vm_is_alive(&at->vm))
		return at->vm.started_at[0] == '\0'
		    ? 0
		    : error_set(err, EX_UNAVAILABLE, "has ended");
	return look->ready->kind == READY_AGENT
	    ? look_at_agent(at, deadline_ms, err)
	    : reach_look(&look->reach, &at->vm, deadline_ms, err);
}

static int
over(const struct ready *r, struct error *err)
{
	static const char *const what[] = { "nothing", "its agent", "ssh",
		"the console" };

	return error_set(err, EX_TEMPFAIL,
	    "the time is over, and it is not ready: waited for %s",
	    what[r->kind]);
}

/* A VM says with what it runs only when it does. */
static int64_t
wait_ms(const struct ready *r, const struct vm *vm)
{
	if (r->timeout.given)
		return (int64_t)r->timeout.ms;
	return vm->accel == VM_ACCEL_TCG ? READY_WAIT_EMULATED_MS
					 : READY_WAIT_MS;
}

static int
keep_looking(struct ready_look *look, struct vm_at *at, int64_t start_ms,
    struct error *err)
{
	int64_t deadline_ms;
	int rc, left;

	for (;;) {
		deadline_ms = start_ms + wait_ms(look->ready, &at->vm);
		rc = ready_look(look, at, deadline_ms, err);
		if (rc != 0)
			return rc == 1 ? 0 : -1;
		left = clock_left(deadline_ms);
		if (left == 0)
			return over(look->ready, err);
		clock_nap(left < NAP_MS ? left : NAP_MS);
		if (sig_check(err) == -1 || vm_at_refresh(at, err) == -1)
			return -1;
	}
}

int
ready_wait(const struct ready *r, struct vm_at *at, int64_t start_ms,
    struct error *err)
{
	struct ready_look *look;
	int rc;

	if (ready_begin(&look, r, err) == -1)
		return -1;
	rc = keep_looking(look, at, start_ms, err);
	ready_end(look);
	return rc;
}
