/* SPDX-License-Identifier: ISC */
/* Commands run in a guest by its agent. */
#ifndef VMM_AGENT_EXEC_H
#define VMM_AGENT_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/host/agent.h"

/* Bytes of each of a command's streams: an agent keeps no more of its output. */
#define AGENT_STREAM_MAX (16u << 20)

struct agent_command {
	char *const *argv; /* the program and its words; NULL ends them */
	const void *input; /* its standard input, or NULL: none */
	size_t input_len;
	bool is_captured; /* its output is kept until it is asked for */
};

/*
 * Starts it; *pid is the guest's number of it.  EX_UNAVAILABLE: the agent refuses
 * (agent_refusal()), for there may be no such program, or it does not
 * answer.  EX_USAGE: a word that is not UTF-8.
 */
int agent_exec_start(struct agent *a, uint64_t *pid,
    const struct agent_command *c, int64_t deadline_ms, struct error *err);

/* How a command ended: { 0 } is of none. */
struct agent_end {
	bool has_ended;
	int status; /* 0 to 255; 128 + N: ended by signal N */
	unsigned char *out, *err; /* what it wrote; owned, or NULL */
	size_t out_len, err_len;
	bool is_cut; /* it wrote more than the agent keeps */
};

void agent_end_fini(struct agent_end *end);

/*
 * Asks whether it has ended.  The agent tells it once, and forgets it then: the
 * next time it knows no such command.  *out is the caller's (agent_end_fini).
 * EX_UNAVAILABLE: it says more than two streams of `stream_max` bytes.
 */
int agent_exec_look(struct agent *a, uint64_t pid, struct agent_end *out,
    size_t stream_max, int64_t deadline_ms, struct error *err);

/*
 * Starts it, and waits for its end, asking ever more seldom; the channel is
 * others' in between.  *out is the caller's (agent_end_fini).  After a signal to us, or a
 * deadline that is over (EX_TEMPFAIL), it is ended in the guest, too.
 */
int agent_exec_run(struct agent *a, const struct agent_command *c,
    struct agent_end *out, int64_t deadline_ms, struct error *err);

/*
 * Ends it: by SIGTERM, and when that was not enough by SIGKILL; the guest has
 * a shell for that.  EX_TEMPFAIL: it has not ended until `deadline_ms`.
 */
int agent_exec_stop(struct agent *a, uint64_t pid, int64_t deadline_ms,
    struct error *err);

#endif
