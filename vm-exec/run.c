/* SPDX-License-Identifier: ISC */
#include "run.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/sig.h"

#include "job.h"
#include "report.h"

static int
tell_cut(struct error *err)
{
	return error_set(err, EX_IOERR,
	    "of what it wrote the guest's agent has kept %u MiB only",
	    AGENT_STREAM_MAX >> 20);
}

static const char *
name_of(const struct job *job)
{
	const struct vm *vm = &job->at.vm;

	return vm->name[0] == '\0' ? vm->id : vm->name;
}

/* Ends what runs, for the cause that *err has; it stays the cause. */
static void
give_up(struct job *job, struct error *err)
{
	struct error why = { 0 }, cause = *err;

	/* A second signal must not keep us from it. */
	if (err->code > 128)
		sig_shield();
	if (job_stop(job, &why) == -1)
		error_set(err, cause.code, "%s; it could not be ended: %s",
		    cause.msg, why.msg);
}

/* Looks, or says what ends it: a signal, or the time. */
static int
look(struct job *job, const struct run *run, struct error *err)
{
	if (sig_check(err) == -1) {
		give_up(job, err);
		return -1;
	}
	if (clock_left(job->look_ms) == 0 &&
	    job_look(job, run->deadline_ms, err) == -1) {
		if (err->code > 128)
			give_up(job, err);
		return -1;
	}
	if (job->end.has_ended || clock_left(run->deadline_ms) > 0)
		return 0;
	error_set(err, EX_TEMPFAIL, "the time is over, and it was ended");
	give_up(job, err);
	return -1;
}

/* Until it is to be looked at, or the time is over. */
static void
nap(const struct job *job, int64_t deadline_ms)
{
	int left = clock_left(
	    job->look_ms < deadline_ms ? job->look_ms : deadline_ms);

	if (left > 0)
		agent_nap(job->agent, left);
}

static int
write_output(const struct agent_end *end, struct error *err)
{
	if (fd_write(STDOUT_FILENO, end->out, end->out_len, "standard output",
		err) == -1 ||
	    fd_write(STDERR_FILENO, end->err, end->err_len, "standard error",
		err) == -1)
		return -1;
	return end->is_cut ? tell_cut(err) : 0;
}

/* Begun, and with `rc` 0 waited for unless it is left running. */
static int
begin_and_await(struct job *job, const struct run *run, const char *ref,
    struct error *err)
{
	int rc = 0;

	if (job_begin(job, run->root, ref, &run->command, run->deadline_ms,
		err) == -1)
		return -1;
	if (run->opts->detach)
		return 0;
	while (rc == 0 && !job->end.has_ended) {
		nap(job, run->deadline_ms);
		rc = look(job, run, err);
	}
	hook_step("exec-ended");
	return rc == -1 ? error_wrap(err, "%s", name_of(job)) : 0;
}

int
run_one(const struct run *run, const char *ref, int *status, struct error *err)
{
	struct job job = JOB_NONE;
	int rc;

	*status = EX_OK;
	rc = begin_and_await(&job, run, ref, err);
	if (rc == 0) {
		*status = job.end.status;
		rc = run->opts->detach
		    ? report_job(&job, run->opts->members, err)
		    : write_output(&job.end, err);
		if (rc == -1)
			error_wrap(err, "%s", name_of(&job));
	}
	job_fini(&job);
	return rc;
}

int
run_told(const struct run *run, const char *ref, int *status, struct error *err)
{
	struct job job = JOB_NONE;
	int rc;

	*status = EX_OK;
	rc = begin_and_await(&job, run, ref, err);
	if (rc == 0) {
		*status = job.end.status;
		rc = report_job(&job, run->opts->members, err);
		if (rc == 0 && job.end.is_cut)
			rc = tell_cut(err);
		if (rc == -1)
			error_wrap(err, "%s", name_of(&job));
	}
	job_fini(&job);
	return rc;
}
