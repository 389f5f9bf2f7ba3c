/* SPDX-License-Identifier: ISC */
#include "job.h"

#include <string.h>

#include "base/clock.h"
#include "base/hook.h"

#define FIRST_NAP_MS 5
#define MOST_NAP_MS 250
#define LOOK_MS 3600000 /* for all of its output, by a slow channel */
#define INPUT_RATE 32 /* bytes in a millisecond: what a slow channel takes */
#define LOST_MS 120000 /* of an agent that does not answer any more */
#define STOP_MS 10000
#define NO_PROGRAM 127 /* what a shell says then; POSIX, 2.8.2 */

void
job_fini(struct job *job)
{
	agent_end_fini(&job->end);
	agent_close(job->agent);
	vm_at_close(&job->at);
	*job = JOB_NONE;
}

static int
start(struct job *job, const struct agent_command *command, int64_t deadline_ms,
    struct error *err)
{
	int64_t hold_ms = clock_ms() + AGENT_SYNC_MS;
	int64_t call_ms;
	const char *refusal;

	if (!vm_is_alive(&job->at.vm))
		return error_set(err, EX_NOPERM, "not running");
	if (agent_open(&job->agent, &job->at.vm, job->at.dirfd, err) == -1)
		return -1;
	if (agent_hold(job->agent,
		hold_ms < deadline_ms ? hold_ms : deadline_ms, err) == -1)
		return clock_left(deadline_ms) > 0 || err->code > 128
		    ? -1
		    : error_set(err, EX_TEMPFAIL,
			  "the time is over, and nothing was started");
	call_ms = clock_ms() + AGENT_CALL_MS +
	    (int64_t)(command->input_len / INPUT_RATE);
	if (agent_exec_start(job->agent, &job->pid, command, call_ms, err) ==
	    -1) {
		refusal = agent_refusal(job->agent);
		if (refusal != NULL && strcmp(refusal, AGENT_NO_COMMAND) != 0)
			err->code = NO_PROGRAM;
		return -1;
	}
	return 0;
}

int
job_begin(struct job *job, const struct root *root, const char *ref,
    const struct agent_command *command, int64_t deadline_ms, struct error *err)
{
	if (vm_at_open(&job->at, root, ref, false, 0, err) == -1)
		return -1;
	if (start(job, command, deadline_ms, err) == -1) {
		error_wrap(err, "%s", ref);
		job_fini(job);
		return -1;
	}
	job->nap_ms = FIRST_NAP_MS;
	job->seen_ms = clock_ms();
	job->look_ms = job->seen_ms + FIRST_NAP_MS;
	hook_step("exec-started");
	return 0;
}

static void
plan_look(struct job *job)
{
	job->look_ms = clock_ms() + job->nap_ms;
	job->nap_ms += job->nap_ms / 2;
	if (job->nap_ms > MOST_NAP_MS)
		job->nap_ms = MOST_NAP_MS;
}

static int64_t
within(int64_t ms, int64_t deadline_ms)
{
	int64_t until_ms = clock_ms() + ms;

	return until_ms < deadline_ms ? until_ms : deadline_ms;
}

int
job_look(struct job *job, int64_t deadline_ms, struct error *err)
{
	struct error why = { 0 };

	if (agent_hold(job->agent, within(AGENT_SYNC_MS, deadline_ms), &why) ==
		0 &&
	    agent_exec_look(job->agent, job->pid, &job->end, AGENT_STREAM_MAX,
		within(LOOK_MS, deadline_ms), &why) == 0) {
		job->seen_ms = clock_ms();
		if (!job->end.has_ended)
			plan_look(job);
		return 0;
	}
	if (why.code > 128 || agent_refusal(job->agent) != NULL ||
	    !vm_is_alive(&job->at.vm) || clock_ms() - job->seen_ms > LOST_MS) {
		if (why.code <= 128)
			why.code = EX_UNAVAILABLE;
		if (err != NULL)
			*err = why;
		return why.code > 128
		    ? -1
		    : error_wrap(err, "how it ended is not known");
	}
	plan_look(job);
	return 0;
}

int
job_stop(struct job *job, struct error *err)
{
	return agent_exec_stop(job->agent, job->pid, clock_ms() + STOP_MS, err);
}
