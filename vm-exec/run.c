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

static void
nap_until(int64_t ms, int64_t deadline_ms)
{
	int left = clock_left(ms < deadline_ms ? ms : deadline_ms);

	if (left > 0)
		clock_nap(left);
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

int
run_one(const struct run *run, const char *ref, int *status, struct error *err)
{
	struct job job = JOB_NONE;
	int rc = 0;

	if (job_begin(&job, run->root, ref, &run->command, run->deadline_ms,
		err) == -1)
		return -1;
	*status = EX_OK;
	if (run->opts->detach) {
		rc = report_job(&job, run->opts->members, err);
		job_fini(&job);
		return rc;
	}
	while (rc == 0 && !job.end.has_ended) {
		nap_until(job.look_ms, run->deadline_ms);
		rc = look(&job, run, err);
	}
	hook_step("exec-ended");
	if (rc == 0)
		rc = write_output(&job.end, err);
	*status = job.end.status;
	job_fini(&job);
	return rc == -1 ? error_wrap(err, "%s", ref) : 0;
}

struct crowd {
	const struct run *run;
	struct job jobs[RUN_AT_ONCE];
	size_t n; /* of them that are under way: the first ones */
	int status;
	bool is_over; /* by a signal: nothing more is begun */
};

static void
note_status(struct crowd *c, int status)
{
	if (c->status == EX_OK)
		c->status = status;
}

/* One that ended, or was given up: its place is another's. */
static void
drop(struct crowd *c, size_t i)
{
	struct job last = c->jobs[--c->n];

	c->jobs[c->n] = c->jobs[i];
	job_fini(&c->jobs[c->n]);
	if (i < c->n)
		c->jobs[i] = last;
}

static void
begin(struct crowd *c, const char *ref)
{
	const struct run *run = c->run;
	struct error err = { 0 };
	struct job *job = &c->jobs[c->n];

	*job = JOB_NONE;
	if (job_begin(job, run->root, ref, &run->command, run->deadline_ms,
		&err) == -1) {
		c->is_over = err.code > 128;
		diag_failure(&c->status, &err);
		return;
	}
	c->n++;
	/* It may be named twice. */
	agent_release(job->agent);
	if (!run->opts->detach)
		return;
	if (report_job(job, run->opts->members, &err) == -1)
		diag_failure(&c->status, &err);
	drop(c, c->n - 1);
}

static const char *
name_of(const struct job *job)
{
	const struct vm *vm = &job->at.vm;

	return vm->name[0] == '\0' ? vm->id : vm->name;
}

static void
look_at(struct crowd *c, size_t i)
{
	struct job *job = &c->jobs[i];
	struct error err = { 0 };
	int rc = look(job, c->run, &err);

	if (rc == 0 && !job->end.has_ended)
		return;
	if (rc == 0) {
		note_status(c, job->end.status);
		rc = report_job(job, c->run->opts->members, &err);
		if (rc == 0 && job->end.is_cut)
			rc = tell_cut(&err);
	}
	if (rc == -1) {
		c->is_over = c->is_over || err.code > 128;
		error_wrap(&err, "%s", name_of(job));
		diag_failure(&c->status, &err);
	}
	drop(c, i);
}

static void
look_at_all(struct crowd *c)
{
	int64_t next_ms = INT64_MAX;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->jobs[i].look_ms < next_ms)
			next_ms = c->jobs[i].look_ms;
	nap_until(next_ms, c->run->deadline_ms);
	/* From the last one on: what takes the place of one was looked at. */
	for (i = c->n; i-- > 0;)
		look_at(c, i);
}

int
run_all(const struct run *run, const struct strv *refs)
{
	struct crowd c = { .run = run, .status = EX_OK };
	size_t next = 0;

	while (c.n > 0 || (next < refs->n && !c.is_over)) {
		while (c.n < RUN_AT_ONCE && next < refs->n && !c.is_over)
			begin(&c, refs->v[next++]);
		if (c.n > 0)
			look_at_all(&c);
	}
	return c.status;
}
