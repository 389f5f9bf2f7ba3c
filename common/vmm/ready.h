/* SPDX-License-Identifier: ISC */
/*
 * Whether a guest is as far as somebody waits for: its agent answers, its ssh
 * server does, or a line of its console fits.
 */
#ifndef VMM_READY_H
#define VMM_READY_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/opt.h"
#include "state/vm_at.h"

#define READY_RULE "agent, ssh or console=regex"

/* Without --ready-timeout: a boot by emulation takes minutes. */
#define READY_WAIT_MS 120000
#define READY_WAIT_EMULATED_MS 600000

enum ready_kind { READY_NONE, READY_AGENT, READY_SSH, READY_CONSOLE };

/* { 0 } waits for nothing. */
struct ready {
	enum ready_kind kind;
	regex_t regex; /* with READY_CONSOLE; owned */
	struct opt_time timeout;
};

/* Reads what is READY_RULE.  EX_USAGE. */
int ready_parse(struct ready *out, const char *text, struct error *err);

/* The same of what stands behind "console=".  EX_USAGE: no regex, or empty. */
int ready_parse_console(struct ready *out, const char *text, struct error *err);

/*
 * The values of --ready and --ready-timeout.  -1: a usage error (told); nothing
 * is twice given.
 */
int ready_opt(struct ready *out, const char *value);
int ready_opt_timeout(struct ready *out, const char *value);

/* Whether they go together; -1, told. */
int ready_opt_check(const struct ready *r);

void ready_fini(struct ready *r);

/*
 * Whether the VM can ever be: to be asked before it is started.  EX_UNAVAILABLE: it
 * has no channel for an agent.
 */
int ready_can_be(const struct ready *r, const struct vm *vm, struct error *err);

struct ready_look;

/* `r` is borrowed.  *out is the caller's (ready_end). */
int ready_begin(struct ready_look **out, const struct ready *r,
    struct error *err);
void ready_end(struct ready_look *look);

/*
 * Looks, for two seconds at most and not beyond `deadline_ms`, at a VM whose lock nobody holds for
 * it.  1: it is; 0: not yet.  EX_UNAVAILABLE: the VM has no channel for an
 * agent, or has ended.  EX_CONFIG: no way leads to its ssh server.
 */
int ready_look(struct ready_look *look, struct vm_at *at, int64_t deadline_ms,
    struct error *err);

/*
 * Waits until it is; *at, which holds no lock, is read anew meanwhile.  It takes
 * as long as r->timeout says since `start_ms` (base/clock).  EX_TEMPFAIL: that is
 * over.  EX_NOINPUT: the VM was removed.  Else as ready_look().
 */
int ready_wait(const struct ready *r, struct vm_at *at, int64_t start_ms,
    struct error *err);

#endif
