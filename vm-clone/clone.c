/* SPDX-License-Identifier: ISC */
#include "clone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/hook.h"
#include "base/path.h"
#include "base/rfc3339.h"
#include "base/sig.h"
#include "state/inplace.h"
#include "state/standby.h"
#include "vmm/preflight.h"
#include "vmm/vmm.h"

#include "nics.h"
#include "report.h"
#include "seed.h"

/* One clone on its way. */
struct clone {
	size_t number; /* of the clones, counted from 1 */
	struct root_new dir; /* hidden until it runs */
	struct vm vm;
	struct vmm *vmm; /* NULL: not started */
	struct error err; /* why it was given up */
	bool failed, seen; /* by others */
	double ms; /* from the call until it ran */
};

struct job {
	const struct clone_how *how;
	const struct root *root;
	const struct snap *snap;
	struct preflight checked; /* the sidecar is in it */
	char *in_place; /* the snapshot's directory, or NULL */
	struct nic_list nics; /* of --nic */
	struct vm_seed seed; /* for all of them, where has_seed */
	bool has_seed;
	struct timespec now;
	struct ready_list *pending;
};

static const char *
label_of(const struct snap *snap)
{
	const char *name = snap_name(snap);

	return name[0] == '\0' ? snap_id(snap) : name;
}

static int
start(struct clone *c, const struct job *job, struct error *err)
{
	c->vm.unconfined = job->how->unconfined;
	return job->how->no_start
	    ? 0
	    : vmm_spawn(&c->vmm, &c->vm, c->dir.dirfd, &job->now, err);
}

/*
 * Of the files that a VMM is to write: they must be there to be in its rules.
 * *can: it can be started, for they are.
 */
static int
make_places(bool *can, struct clone *c, const struct job *job,
    struct load *load, struct error *err)
{
	if (job->in_place != NULL) {
		*can = job->how->unconfined;
		return 0;
	}
	if (load_make_places(&c->vm, c->dir.dirfd, load, err) == -1)
		return -1;
	*can = load->has_template || load->copy_memory;
	return 0;
}

/*
 * A directory with everything in it, and the process where one is wanted: ahead
 * of the files where it needs none of them to start, which takes as long.
 */
static int
prepare(struct clone *c, const struct job *job, const char *name,
    struct error *err)
{
	struct load load = { .root = job->root,
		.envelope = snap_envelope(job->snap),
		.from_dirfd = snap_fd(job->snap),
		.sidecar = &job->checked.sidecar,
		.disks = job->how->disks,
		.copy_memory = job->how->copy_memory,
		.in_place = job->in_place,
		.to_check = job->checked.bytes_later };
	char hostname[SEED_HOSTNAME_SIZE];
	struct vm_seed seed = job->seed; /* but for a host name of its own */
	struct vm *vm = &c->vm;
	bool is_ahead = vmm_traits(load.envelope->machine.hypervisor)
			    ->starts_bare;

	if (root_new_begin(&c->dir, job->root, ROOT_VM, name, err) == -1 ||
	    load_record(vm, &load, err) == -1)
		return -1;
	if (ready_can_be(&job->how->ready, vm, err) == -1 ||
	    refresh_can_be(&job->how->refresh, vm, err) == -1)
		return error_wrap(err, "%s", label_of(job->snap));
	if (nics_give(&vm->machine, &job->nics,
		&job->checked.sidecar.machine.nics, job->how->same_mac,
		err) == -1)
		return -1;
	snprintf(vm->id, sizeof(vm->id), "%s", c->dir.id);
	vm->says_end = job->how->foreground->wanted;
	vm->auto_remove = foreground_auto_removes(job->how->foreground);
	snprintf(vm->name, sizeof(vm->name), "%s", c->dir.name);
	if (vm_set_depends_on(vm, job->in_place, err) == -1 ||
	    vm_set_description(vm, job->how->description, err) == -1 ||
	    vm_set_cgroup_choice(vm, job->how->cgroup, err) == -1)
		return -1;
	rfc3339_us(vm->created_at, &job->now);
	if (id_is_valid(snap_id(job->snap)))
		snprintf(vm->cloned_from, sizeof(vm->cloned_from), "%.*s",
		    ID_LEN, snap_id(job->snap));
	seed_hostname(hostname, job->how, c->number);
	seed.hostname = hostname[0] == '\0' ? NULL : hostname;
	seed.hostname_of = vm->id;
	load.seed = job->has_seed ? &seed : NULL;
	if ((is_ahead && make_places(&is_ahead, c, job, &load, err) == -1) ||
	    (is_ahead && start(c, job, err) == -1) ||
	    load_populate(vm, c->dir.dirfd, &load, err) == -1)
		return -1;
	hook_step("populated");
	return is_ahead ? 0 : start(c, job, err);
}

static void
give_up(struct clone *c)
{
	c->failed = true;
	if (sig_check(NULL) == -1)
		sig_shield();
	if (c->vmm != NULL)
		vmm_kill(&c->vm, 0, NULL);
}

/* What came to nothing may be so by a file that is not what was saved. */
static void
explain(struct clone *c, struct job *job)
{
	job->checked.is_loaded = false;
	if ((c->err.code == EX_DATAERR || c->err.code == EX_CONFIG) &&
	    job->checked.bytes_later &&
	    preflight_late(&job->checked, &c->err) == -1)
		error_wrap(&c->err, "%s", label_of(job->snap));
}

/* First half: the directory and the process. */
static void
begin(struct clone *c, struct job *job, const char *name)
{
	if (sig_check(&c->err) == 0 && prepare(c, job, name, &c->err) == 0)
		return;
	explain(c, job);
	give_up(c);
}

/* Visible to everybody, or to those who take one that waits. */
static int
publish(struct clone *c, const struct job *job, struct error *err)
{
	if (vm_write(&c->vm, c->dir.dirfd, false, &job->now, err) == -1)
		return -1;
	foreground_tell(job->how->foreground, c->vm.id);
	return job->how->into_pool
	    ? standby_put(&c->dir, snap_id(job->snap), err)
	    : root_new_publish(&c->dir, false, err);
}

/* Second half: it is told to run. */
static void
ask_to_run(struct clone *c, struct job *job)
{
	if (c->failed || c->vmm == NULL || job->how->paused ||
	    vmm_resume_ask(c->vmm, &c->err) == 0)
		return;
	explain(c, job);
	give_up(c);
}

/* And does. */
static void
run(struct clone *c, struct job *job)
{
	if (c->failed)
		return;
	if (c->vmm != NULL && !job->how->paused &&
	    vmm_resume_end(c->vmm, &c->err) == -1) {
		explain(c, job);
		give_up(c);
		return;
	}
	c->ms = (double)(clock_us() - job->how->start_us) / 1000;
	hook_step("running");
}

/* And everybody may see it. */
static void
finish(struct clone *c, struct job *job)
{
	if (c->failed)
		return;
	if (publish(c, job, &c->err) == -1) {
		give_up(c);
		return;
	}
	c->seen = true;
	hook_step("visible");
	if (job->how->into_pool) {
		/* Who comes to take it finds it without a lock. */
		vmm_detach(c->vmm);
		c->vmm = NULL;
		root_new_end(&c->dir);
	}
}

/*
 * What it is to be asked, and its record: when all of them run.  It stays, and may
 * have to be thawed, whatever fails here.
 */
static void
report(struct clone *c, struct job *job)
{
	struct clone_report report = { .how = job->how,
		.root = job->root,
		.ms = c->ms,
		.checked = job->how->verify ? &job->checked : NULL,
		.pending = job->pending };
	bool is_asked = c->vmm != NULL && !job->how->paused;

	if (c->failed || job->how->into_pool)
		return;
	if (is_asked &&
	    refresh_plan(&report.refresh, &job->how->refresh, c->vmm, &c->vm,
		c->dir.dirfd, false, &c->err) == -1)
		c->failed = true;
	if (clone_report(&c->vm, c->dir.dirfd, &report,
		c->failed ? NULL : &c->err) == -1)
		c->failed = true;
	vmm_detach(c->vmm);
	c->vmm = NULL;
}

/*
 * Digests and device state are looked at while the VMMs start, which takes
 * longer and reads neither: nothing was loaded yet.
 */
static void
check_late(struct clone *clones, size_t n, struct job *job)
{
	struct error err = { 0 };
	size_t i;

	job->checked.is_loaded = true;
	if (!job->checked.bytes_later ||
	    preflight_late(&job->checked, &err) == 0)
		return;
	error_wrap(&err, "%s", label_of(job->snap));
	for (i = 0; i < n; i++) {
		if (clones[i].failed)
			continue;
		clones[i].err = err;
		give_up(&clones[i]);
	}
}

/* Whether a signal ended it, which is meant for all that nobody has seen. */
static bool
was_ended(const struct clone *c)
{
	return c->failed && c->err.code >= 128;
}

/* Gives up each that nobody has seen. */
static void
end_all(struct clone *clones, size_t n, const struct error *why)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!clones[i].failed && !clones[i].seen) {
			clones[i].err = *why;
			give_up(&clones[i]);
		}
}

static void
each(struct clone *clones, size_t n, struct job *job,
    void (*step)(struct clone *, struct job *))
{
	size_t i;

	for (i = 0; i < n; i++) {
		step(&clones[i], job);
		if (was_ended(&clones[i]))
			end_all(clones, n, &clones[i].err);
	}
}

/* One line each, but for a signal a single one. */
static int
tell_failures(const struct clone *clones, size_t n, const struct job *job)
{
	int code = EX_OK;
	struct error err;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!clones[i].failed || (was_ended(&clones[i]) && code > 128))
			continue;
		err = clones[i].err;
		/* Of several each has its number, whatever it is called. */
		if (job->how->count != 0 && !was_ended(&clones[i]))
			error_wrap(&err, "clone %zu of %zu", i + 1, n);
		diag_failure(&code, &err);
	}
	return code;
}

/* Its VMM has been started, and takes in what the snapshot holds. */
static void
load(struct clone *c, struct job *job)
{
	if (c->failed || c->vmm == NULL ||
	    vmm_ready(c->vmm, &job->now, &c->err) == 0)
		return;
	explain(c, job);
	give_up(c);
}

static void
begin_numbered(struct clone *clones, size_t i, size_t n, struct job *job)
{
	const char *name = job->how->name;
	char numbered[ENVELOPE_NAME_MAX + 32] = "";

	if (name != NULL && job->how->count > 0)
		snprintf(numbered, sizeof(numbered), "%s-%zu", name, i + 1);
	else if (name != NULL)
		snprintf(numbered, sizeof(numbered), "%s", name);
	if (!clones[i].failed)
		begin(&clones[i], job, numbered);
	if (was_ended(&clones[i]))
		end_all(clones, n, &clones[i].err);
}

/*
 * As many VMMs at once as there are processors to start them, and no guest runs
 * before the last one is loaded: those that run would take from the others what
 * they need to start.
 */
static void
load_all(struct clone *clones, size_t n, struct job *job)
{
	size_t i, ahead = job->how->jobs < n ? job->how->jobs : n;

	for (i = 0; i < ahead; i++)
		begin_numbered(clones, i, n, job);
	check_late(clones, n, job);
	for (i = 0; i < n; i++) {
		load(&clones[i], job);
		if (was_ended(&clones[i]))
			end_all(clones, n, &clones[i].err);
		if (i + ahead < n)
			begin_numbered(clones, i + ahead, n, job);
	}
}

static int
clones_make(struct clone *clones, size_t n, struct job *job)
{
	int code;
	size_t i;

	for (i = 0; i < n; i++) {
		clones[i].number = i + 1;
		vm_init(&clones[i].vm);
	}
	load_all(clones, n, job);
	each(clones, n, job, ask_to_run);
	/* What they have to share with those that run comes after all run. */
	each(clones, n, job, run);
	each(clones, n, job, finish);
	for (i = 0; i < n; i++)
		report(&clones[i], job);
	code = tell_failures(clones, n, job);
	for (i = 0; i < n; i++) {
		vmm_detach(clones[i].vmm);
		root_new_end(&clones[i].dir);
		vm_fini(&clones[i].vm);
	}
	return code;
}

/*
 * Asked for, or on a mount of ours: there it is what the mount is for, unless
 * the hypervisor at hand cannot map what it may not write.
 */
static int
choose_place(struct job *job, struct error *err)
{
	const struct load load = { .envelope = snap_envelope(job->snap),
		.from_dirfd = snap_fd(job->snap) };

	if (!job->how->in_place &&
	    (!inplace_is_ours(load.from_dirfd) ||
		!load_may_map(&load, load_memory_name(&load))))
		return 0;
	return inplace_dir(&job->in_place, load.from_dirfd, err);
}

/*
 * What it touches first is read ahead; where that is what is to be found out,
 * nothing of it is there beforehand.
 */
static void
read_ahead(const struct job *job)
{
	const struct load load = { .envelope = snap_envelope(job->snap),
		.from_dirfd = snap_fd(job->snap),
		.copy_memory = job->how->copy_memory };
	struct error err = { 0 };

	if (job->how->learn.wanted)
		load_forget(&load);
	else if (!job->how->no_start && load_read_ahead(&load, &err) == -1)
		diag("%s: warning: %s", label_of(job->snap), err.msg);
}

static int
check_all(struct job *job, struct error *err)
{
	if (choose_place(job, err) == -1)
		return -1;
	job->checked = (struct preflight){ .dirfd = snap_fd(job->snap),
		.envelope = snap_envelope(job->snap),
		.root = job->root,
		.snap_id = snap_stored_id(job->snap),
		.verify = job->how->verify,
		.bytes_later = !job->how->no_start && !job->how->verify,
		.disks = job->how->disks,
		.copy_memory = job->how->copy_memory,
		.in_place = job->in_place,
		.copies = job->how->count };
	if (preflight_run(&job->checked, err) == -1 ||
	    nics_parse(&job->nics, job->how, &job->checked.sidecar.machine.nics,
		err) == -1 ||
	    seed_read(&job->seed, &job->has_seed, job->how, snap_fd(job->snap),
		err) == -1)
		return -1;
	return job->how->no_start
	    ? 0
	    : vmm_check_program(snap_envelope(job->snap)->machine.hypervisor,
		  err);
}

int
clone_all(const struct clone_how *how, const struct root *root,
    const struct snap *snap, struct ready_list *pending)
{
	struct job job = { how, root, snap, .pending = pending };
	size_t n = how->count == 0 ? 1 : how->count;
	struct error err = { 0 };
	struct clone *clones = NULL;
	int code;

	clock_gettime(CLOCK_REALTIME, &job.now);
	if (check_all(&job, &err) == -1) {
		diag("%s: %s", label_of(snap), err.msg);
		code = err.code;
		goto out;
	}
	clones = calloc(n, sizeof(*clones));
	if (clones == NULL) {
		diag("out of memory");
		code = EX_OSERR;
		goto out;
	}
	read_ahead(&job);
	code = clones_make(clones, n, &job);
out:
	free(clones);
	free(job.in_place);
	nic_list_fini(&job.nics);
	vm_seed_fini(&job.seed);
	sidecar_fini(&job.checked.sidecar);
	return code;
}
