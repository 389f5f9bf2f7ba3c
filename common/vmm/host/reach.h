/* SPDX-License-Identifier: ISC */
/* The ssh server of a guest that may not be there yet. */
#ifndef VMM_REACH_H
#define VMM_REACH_H

#include <stdint.h>

#include "base/error.h"
#include "state/vm.h"
#include "vmm/host/answer.h"
#include "vmm/host/route.h"

struct reach {
	struct route route; /* where it was looked for last */
	struct answer answer;
	/* When the next try is due (base/clock), and the one after it. */
	int64_t tried_ms, due_ms;
	int refused_ms, silent_ms;
};

void reach_init(struct reach *r);

/* Ends all that is under way. */
void reach_fini(struct reach *r);

/*
 * Looks for a fifth of a second, or until `deadline_ms`, whether one answers in the VM as its
 * record has it now, and tries anew where that is due.  1: one does, at
 * r->route; 0: not yet.  EX_CONFIG: no way leads there.
 */
int reach_look(struct reach *r, const struct vm *vm, int64_t deadline_ms,
    struct error *err);

#endif
