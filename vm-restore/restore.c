/* SPDX-License-Identifier: ISC */
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "base/sig.h"
#include "vmm/load.h"
#include "vmm/preflight.h"
#include "vmm/status.h"
#include "vmm/vmm.h"
#include "vmm/watcher.h"

#define END_MS 2000 /* for one that was killed to be gone */
#define END_NAP_MS 10
#define QUIT_MS 5000 /* for the old VMM to close its disks */

struct restore {
	struct vm_at *at; /* the VM as it was */
	const struct snap *snap;
	const struct restore_how *how;
	struct ready_list *pending;
	struct timespec now;
	bool is_same; /* the snapshot was saved from the VM */
	struct preflight checked; /* the sidecar is in it */
	struct root_new dir; /* hidden: the new VM, later the old one */
	struct vm vm; /* the new record */
	struct vmm *vmm; /* the new VMM, loaded and standing still */
	struct vmm *old; /* the old VMM, where it runs */
	bool was_running; /* the old guest; not when it was paused */
	bool gave_forwards; /* the old VMM's are given up */
	bool exchanged;
	bool replaced; /* there is no way back */
	bool remains; /* the old VMM does not end */
	int64_t ended_us; /* when the old one had to end first; else 0 */
	double outage_ms;
};

/* It was saved from the VM, or the VM cloned from it. */
static int
check_lineage(struct restore *r, struct error *err)
{
	const struct vm *vm = &r->at->vm;
	const char *id = snap_id(r->snap);
	char vm_id[ID_LEN + 1];

	if (snap_origin(vm_id, r->snap, err) == -1)
		return -1;
	r->is_same = strcmp(vm_id, vm->id) == 0;
	if (r->how->force)
		return 0;
	return vm_owns_snapshot(vm, id, vm_id)
	    ? 0
	    : error_set(err, EX_NOPERM, "snapshot %s is not one of this VM's",
		  id);
}

static int
check_all(struct restore *r, struct error *err)
{
	r->checked = (struct preflight){ .dirfd = snap_fd(r->snap),
		.envelope = snap_envelope(r->snap),
		.root = r->at->root,
		.snap_id = snap_stored_id(r->snap),
		.vm = &r->at->vm,
		.verify = r->how->verify,
		.copy_memory = r->how->copy_memory };
	if (check_lineage(r, err) == -1 ||
	    preflight_run(&r->checked, err) == -1)
		return -1;
	return vmm_check_program(r->at->vm.machine.hypervisor, err);
}

/* What stays of a VM when its state is replaced: its identity. */
static int
keep_identity(struct restore *r, struct error *err)
{
	const struct vm *old = &r->at->vm;
	struct vm *vm = &r->vm;

	snprintf(vm->id, sizeof(vm->id), "%s", old->id);
	snprintf(vm->name, sizeof(vm->name), "%s", old->name);
	/* A seed that comes with the snapshot may say another one. */
	snprintf(vm->user, sizeof(vm->user), "%s", old->user);
	/* Who puts back one that has ended wants it. */
	vm->auto_remove = old->auto_remove && vm_is_alive(old);
	snprintf(vm->created_at, sizeof(vm->created_at), "%s", old->created_at);
	snprintf(vm->restored_from, sizeof(vm->restored_from), "%.*s", ID_LEN,
	    snap_id(r->snap));
	rfc3339_us(vm->restored_at, &r->now);
	vm->memory_choice = old->memory_choice;
	vm->accel_choice = old->accel_choice;
	vm->machine.console_max_bytes = old->machine.console_max_bytes;
	nic_list_fini(&vm->machine.nics);
	if (nic_list_copy(&vm->machine.nics, &old->machine.nics, err) == -1)
		return -1;
	nic_list_compare(&vm->machine.nics, &r->checked.sidecar.machine.nics);
	if (vm_set_description(vm, old->description, err) == -1 ||
	    vm_set_cgroup_choice(vm, old->cgroup_choice, err) == -1)
		return -1;
	return vm_copy_lineage(vm, old, err);
}

/*
 * The log goes on in the same files: both VMMs append to it.  The newer first:
 * rotated between the two, it has both names, as in the midst of a rotation.
 */
static int
share_log(struct restore *r, struct error *err)
{
	static const char *const names[] = { VM_CONSOLE_LOG, VM_CONSOLE_OLD };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (linkat(r->at->dirfd, names[i], r->dir.dirfd, names[i], 0) ==
			-1 &&
		    errno != ENOENT)
			return error_sys(err, error_code_of(errno), "%s",
			    names[i]);
	return 0;
}

/* What nothing depends on: a working set that is wrong is told. */
static void
read_ahead(const struct load *load)
{
	struct error why = { 0 };

	if (load_read_ahead(load, &why) == -1)
		diag("%s: warning: %s", load->envelope->config.id, why.msg);
}

static int
build(struct restore *r, struct error *err)
{
	struct load load = { .root = r->at->root,
		.envelope = snap_envelope(r->snap),
		.from_dirfd = snap_fd(r->snap),
		.sidecar = &r->checked.sidecar,
		.copy_memory = r->how->copy_memory };

	read_ahead(&load);
	if (root_new_begin(&r->dir, r->at->root, ROOT_VM, "", err) == -1)
		return -1;
	if (load_record(&r->vm, &load, err) == -1 ||
	    refresh_can_be(&r->how->refresh, &r->vm, err) == -1 ||
	    keep_identity(r, err) == -1 ||
	    load_populate(&r->vm, r->dir.dirfd, &load, err) == -1)
		return -1;
	hook_step("populated");
	return share_log(r, err);
}

/* A named tap has room for one: its VMM must end before the next begins. */
static bool
needs_old_ended(const struct vm *vm)
{
	size_t i;

	for (i = 0; i < vm->machine.nics.n; i++)
		if (vm->machine.nics.v[i].kind == NIC_TAP)
			return true;
	return false;
}

/* Starts and loads the new VMM; the forwards stay with the old one. */
static int
load_new(struct restore *r, struct error *err)
{
	size_t forwards[NIC_MAX], i;
	struct nic_list *nics = &r->vm.machine.nics;
	int rc;

	for (i = 0; i < nics->n; i++) {
		forwards[i] = nics->v[i].forwards_n;
		nics->v[i].forwards_n = 0;
	}
	r->vm.unconfined = r->how->unconfined;
	r->vm.forwards_of = &r->at->vm.machine.nics;
	rc = vmm_spawn(&r->vmm, &r->vm, r->dir.dirfd, &r->now, err);
	r->vm.forwards_of = NULL;
	if (rc == 0)
		rc = vmm_ready(r->vmm, &r->now, err);
	for (i = 0; i < nics->n; i++)
		nics->v[i].forwards_n = forwards[i];
	hook_step("new-loaded");
	return rc;
}

/* A process that ends has no socket any more for some time before it is gone. */
static bool
ends_soon(const struct vm *vm)
{
	int64_t deadline_ms = clock_ms() + END_MS;

	while (vm_is_alive(vm) && clock_left(deadline_ms) > 0)
		clock_nap(END_NAP_MS);
	return !vm_is_alive(vm);
}

/* The line to the old VMM, where one lives. */
static int
find_old(struct restore *r, struct error *err)
{
	struct vm *vm = &r->at->vm;
	struct error why = { 0 };
	enum vmm_state state;

	if (!vm_is_alive(vm))
		return 0;
	if (vmm_attach(&r->old, vm, r->at->dirfd, VMM_CONTROL,
		clock_ms() + VMM_CALL_MS, &why) == 0 &&
	    vmm_query(r->old, &state, &why) == 0) {
		r->was_running = state == VMM_RUNNING;
		return 0;
	}
	if (why.code != EX_UNAVAILABLE || !ends_soon(vm))
		return error_set(err, why.code, "%s", why.msg);
	vmm_detach(r->old);
	r->old = NULL;
	return 0;
}

static int
end_old(struct restore *r, struct error *err)
{
	if (r->old != NULL) {
		vmm_quit(r->old, NULL);
		vmm_detach(r->old);
		r->old = NULL;
	}
	/* One that was killed may have left its group. */
	return vmm_kill(&r->at->vm, clock_ms() + QUIT_MS, err);
}

/*
 * The new guest runs: an old VMM that does not end makes no failure of that.
 * Its directory stays, by which state-gc finds it.  -1: a signal came.
 */
static int
leave_old(struct restore *r, struct error *err)
{
	struct error why = { 0 };

	if (end_old(r, &why) == 0)
		return 0;
	r->remains = vm_is_alive(&r->at->vm);
	if (why.code >= 128) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	diag("%s: warning: restored, but the old VMM has not ended: %s; "
	     "state-gc ends it",
	    vm_label(&r->vm), why.msg);
	return 0;
}

/* From the old VMM, where one runs, to the new. */
static int
move_forwards(struct restore *r, struct error *err)
{
	size_t i, k;

	r->gave_forwards = true;
	if (r->old != NULL && vmm_set_forwards(r->old, false, err) == -1)
		return -1;
	hook_step("forwards-given");
	/* Those of a VM that was stopped are anybody's meanwhile. */
	for (i = 0; r->old == NULL && i < r->vm.machine.nics.n; i++)
		for (k = 0; k < r->vm.machine.nics.v[i].forwards_n; k++)
			r->vm.machine.nics.v[i].forwards[k].host_port = 0;
	return vmm_take_forwards(r->vmm, err);
}

static int
exchange(struct restore *r, struct error *err)
{
	struct error why = { 0 };

	if (root_new_exchange(&r->dir, r->at->vm.id, &why) == 0) {
		r->exchanged = !r->exchanged;
		return 0;
	}
	/* One that came in a container's image does not run. */
	if (why.sys == EXDEV && r->old == NULL && !r->exchanged) {
		if (root_new_replace(&r->dir, r->at->vm.id, err) == -1)
			return -1;
		r->replaced = true;
		return 0;
	}
	if (err != NULL)
		*err = why;
	return -1;
}

/* From the old guest's last instruction to the new one's first. */
static int
change_over(struct restore *r, struct error *err)
{
	int64_t start_us = r->ended_us != 0 ? r->ended_us : clock_us();

	if (r->old != NULL && vmm_pause(r->old, err) == -1)
		return -1;
	hook_step("old-paused");
	if (move_forwards(r, err) == -1)
		return -1;
	hook_step("forwards-moved");
	/* It runs as soon as it is seen. */
	if (r->vm.thaw == VM_THAW_DUE)
		r->vm.thaw = VM_THAW_UNSURE;
	if (vm_write(&r->vm, r->dir.dirfd, false, &r->now, err) == -1 ||
	    exchange(r, err) == -1)
		return -1;
	hook_step("exchanged");
	if (vmm_resume(r->vmm, err) == -1)
		return -1;
	hook_step("new-runs");
	if (r->was_running)
		r->outage_ms = (double)(clock_us() - start_us) / 1000;
	return 0;
}

/* The old VM has its disks still, and says why it does not run. */
static void
tell_ended(struct restore *r, const struct error *why)
{
	char text[ERROR_MSG_MAX + 64];

	snprintf(text, sizeof(text), "ended for a restore, which failed: %s",
	    why == NULL ? "" : why->msg);
	text[ERROR_MSG_MAX - 1] = '\0';
	vm_set_error(&r->at->vm, text, NULL);
	vmm_clear(&r->at->vm, r->at->dirfd, &r->now, NULL);
}

/*
 * As if nothing had been, as far as that can be after `why`; -1: the old guest
 * could not be resumed.
 */
static int
roll_back(struct restore *r, const struct error *why)
{
	if (sig_check(NULL) == -1)
		sig_shield();
	if (r->replaced || (r->exchanged && exchange(r, NULL) == -1))
		return 0; /* the new VM stands in its place */
	if (r->vmm != NULL)
		vmm_kill(&r->vm, 0, NULL);
	if (r->ended_us != 0)
		tell_ended(r, why);
	if (r->old == NULL)
		return 0;
	if (r->gave_forwards)
		vmm_take_forwards(r->old, NULL);
	return r->was_running ? vmm_resume(r->old, NULL) : 0;
}

/* The guests of which one goes on: the new one, the old where it is. */
static int
watch(struct watcher *watcher, struct restore *r, struct error *err)
{
	const struct watched watched[2] = { { &r->vm, r->dir.dirfd, false },
		{ &r->at->vm, r->at->dirfd, !r->was_running } };

	if (r->old == NULL && !r->was_running)
		return 0;
	return watcher_start(watcher, r->at->root, watched,
	    r->old == NULL ? 1 : 2, err);
}

static int
swap(struct restore *r, struct error *err)
{
	struct watcher watcher = WATCHER_NONE;
	int rc = -1;

	/* A VMM may flush when it stops, which is part of the outage. */
	if ((r->old == NULL || !r->was_running ||
		vm_flush_disks(&r->at->vm, r->at->dirfd, err) == 0) &&
	    watch(&watcher, r, err) == 0)
		rc = change_over(r, err);
	if (rc == -1 && roll_back(r, err) == -1)
		watcher_leave(&watcher);
	watcher_end(&watcher);
	return rc;
}

static int
print_restored(struct restore *r, struct error *err)
{
	struct ready_refresh refresh;
	json_t *record;
	int rc, planned;

	/* What it is to be asked all the same, to thaw first, is in the plan. */
	planned = refresh_plan(&refresh, &r->how->refresh, r->vmm, &r->vm,
	    r->dir.dirfd, r->is_same, err);
	if (planned == -1)
		err = NULL;
	if (status_report(&record, &r->vm, r->dir.dirfd, r->at->dir, err) == -1)
		return -1;
	rc = r->was_running
	    ? json_put(record, "outage_ms", json_real(r->outage_ms), err)
	    : 0;
	if (rc == 0 && r->ended_us != 0)
		rc = json_put_str(record, "outage_for", "tap", err);
	if (rc == 0 && r->how->verify)
		rc = preflight_put_checks(record, &r->checked, err);
	if (rc == 0 && (r->how->ready.kind != READY_NONE || refresh.is_asked))
		return ready_list_add(r->pending, record, r->vm.id,
			   r->how->start_us, &refresh, err) == -1
		    ? -1
		    : planned;
	if (rc == 0)
		rc = json_report(record, r->how->members, err);
	json_decref(record);
	return rc == 0 ? planned : -1;
}

static int
run(struct restore *r, struct error *err)
{
	int rc;

	if (check_all(r, err) == -1 || find_old(r, err) == -1 ||
	    build(r, err) == -1)
		return -1;
	if (r->old != NULL && needs_old_ended(&r->at->vm)) {
		r->ended_us = clock_us();
		if (end_old(r, err) == -1)
			return -1;
		hook_step("old-ended");
	}
	if (load_new(r, err) == -1 ||
	    vm_write(&r->vm, r->dir.dirfd, true, &r->now, err) == -1) {
		roll_back(r, err);
		return -1;
	}
	hook_step("restore-recorded");
	if (swap(r, err) == -1)
		return -1;
	hook_step("swapped");
	rc = leave_old(r, err);
	/* The new guest runs, and may have to be thawed, whatever came. */
	return print_restored(r, rc == 0 ? err : NULL) == -1 ? -1 : rc;
}

int
restore_vm(struct vm_at *at, const struct snap *snap,
    const struct restore_how *how, struct ready_list *pending,
    struct error *err)
{
	struct restore r = { .at = at,
		.snap = snap,
		.how = how,
		.pending = pending };
	int rc;

	clock_gettime(CLOCK_REALTIME, &r.now);
	vm_init(&r.vm);
	rc = run(&r, err);
	vmm_detach(r.vmm);
	vmm_detach(r.old);
	if (r.remains)
		root_new_leave(&r.dir);
	else
		root_new_end(&r.dir);
	sidecar_fini(&r.checked.sidecar);
	vm_fini(&r.vm);
	return rc;
}
