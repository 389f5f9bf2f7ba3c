/* SPDX-License-Identifier: ISC */
/* A guest's filesystems made to stand still by its agent, and let go on. */
#ifndef VMM_AGENT_FREEZE_H
#define VMM_AGENT_FREEZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/host/agent.h"

/* Whether they stand still.  EX_UNAVAILABLE, EX_TEMPFAIL: as agent_call(). */
int agent_is_frozen(struct agent *a, bool *is_frozen, int64_t deadline_ms,
    struct error *err);

/*
 * Makes all that can be stand still; *n is how many do.  After a failure some may,
 * unless the agent refuses (agent_refusal()).
 */
int agent_freeze(struct agent *a, uint64_t *n, int64_t deadline_ms,
    struct error *err);

/* Lets them go on; *n is how many stood still until then. */
int agent_thaw(struct agent *a, uint64_t *n, int64_t deadline_ms,
    struct error *err);

#endif
