/* SPDX-License-Identifier: ISC */
/*
 * One guest told what is new by a process of its own: one that does not answer
 * takes nobody else's time.
 */
#ifndef VMM_REFRESH_ONE_H
#define VMM_REFRESH_ONE_H

#include "base/error.h"
#include "state/root.h"
#include "state/vm_at.h"
#include "vmm/host/agent_exec.h"
#include "vmm/ready_list.h"
#include "vmm/refresh_how.h"

/* Of each stream of what --run names: the record has no more. */
#define REFRESH_STREAM_MAX (1u << 20)

/* What the guest has said. */
struct refresh_said {
	struct vm_identity identity;
	enum vm_thaw thaw;
	bool is_frozen; /* it is not known to be thawed */
	struct error err; /* the first step that failed, or code 0 */
	struct error record; /* why its own record does not say so, or code 0 */
	struct agent_end end; /* of the script, has_ended */
	int64_t script_us;
};

/*
 * In a process of its own: asks the guest of the VM `at`, which is not locked,
 * and writes what it has said to its record, and to the file `said`.  `why`: a
 * signal has come, and it is asked for nothing, but thawed.  Its exit status is
 * of that writing.
 */
int refresh_one(struct vm_at *at, const struct ready_refresh *what,
    const struct refresh_how *how, const struct error *why, int said);

/* That of a process that has ended; *out is the caller's (agent_end_fini). */
int refresh_said_read(struct refresh_said *out, int said, struct error *err);

#endif
