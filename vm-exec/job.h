/* SPDX-License-Identifier: ISC */
/* The command in one VM. */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "state/vm_at.h"
#include "vmm/host/agent_exec.h"

struct job {
	struct vm_at at;
	struct agent *agent; /* NULL: there is no such job */
	uint64_t pid; /* in the guest */
	int64_t look_ms; /* base/clock: when to look next */
	int64_t seen_ms; /* when the agent has answered last */
	int nap_ms; /* from that look to the one after it */
	struct agent_end end; /* how it ended, if it has */
};

#define JOB_NONE ((struct job){ .at = { .dirfd = -1 } })

/* JOB_NONE, and one that ended, or never began. */
void job_fini(struct job *job);

/*
 * Starts it in the VM `ref` beneath `root`, which is borrowed; the agent is
 * waited for until `deadline_ms` at most.  On success *job, which was JOB_NONE, is the caller's.
 * EX_NOPERM: it does not run.  127: the guest has no such
 * program.  EX_UNAVAILABLE: no agent.  EX_TEMPFAIL: out of time.
 */
int job_begin(struct job *job, const struct root *root, const char *ref,
    const struct agent_command *command, int64_t deadline_ms,
    struct error *err);

/*
 * Looks whether it has ended, and says when to look next: soon at first, then
 * ever later.  An agent that does not answer for a while, as in a guest that
 * stands still, is no error at once; nor is one that has not told all until
 * `deadline_ms`.  EX_UNAVAILABLE: nobody will ever know.
 */
int job_look(struct job *job, int64_t deadline_ms, struct error *err);

/* Ends the command in the guest, and waits for its end. */
int job_stop(struct job *job, struct error *err);

#endif
