/* SPDX-License-Identifier: ISC */
#include "save.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/sig.h"
#include "state/inplace.h"
#include "state/snap.h"
#include "state/vm_seed.h"
#include "vmm/own_disks.h"
#include "vmm/quiesce.h"

#define QUIT_MS 10000 /* for the VMM to close its disks */

/* EX_NOPERM: only a guest that runs or is paused can be saved. */
static int
check_guest(struct save *s, struct error *err)
{
	enum vmm_state state;

	if (vmm_query(s->vmm, &state, err) == -1)
		return -1;
	if (state == VMM_UNREADY)
		return error_set(err, EX_NOPERM,
		    "its start was not finished: vm-start does it anew");
	if (state == VMM_NO_SPACE)
		return error_set(err, EX_NOPERM,
		    "halted: a disk write found no space; vm-resume first");
	if (state == VMM_BROKEN)
		return error_set(err, EX_NOPERM, "its guest has ended");
	/* No clone of it would know that it stands still. */
	if (s->at->vm.thaw == VM_THAW_UNSURE)
		return error_set(err, EX_NOPERM,
		    QUIESCE_UNSURE ": vm-resume first");
	s->freeze.was_paused = state == VMM_PAUSED;
	return vmm_state_check(&s->at->vm, s->at->dirfd, err);
}

static int
link_boot_file(struct save *s, const char *name, struct error *err)
{
	return save_share(s, name, vm_boot_may(name), err);
}

/* What a boot needs, from the VM's directory. */
static int
link_boot_files(struct save *s, struct error *err)
{
	const struct vm *vm = &s->at->vm;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (vm->machine.boot[i] != NULL && i != MACHINE_VARS &&
		    link_boot_file(s, vm->machine.boot[i], err) == -1)
			return -1;
	return vm_seed_is_there(s->at->dirfd)
	    ? link_boot_file(s, VM_SEED_NAME, err)
	    : 0;
}

/* Everything that can be done, or refused, while the guest runs. */
static int
prepare(struct save *s, const char *description, struct error *err)
{
	if (check_guest(s, err) == -1 ||
	    inplace_check(&s->at->vm, s->at->dirfd, err) == -1 ||
	    inplace_take_layers(&s->at->vm, s->at->root, s->at->dirfd, err) ==
		-1 ||
	    root_layers_check(s->at->root, s->at->dirfd,
		&s->at->vm.machine.layers, false, err) == -1 ||
	    vmm_settle_disks(s->vmm, &s->now, err) == -1 ||
	    own_disks_storage(&s->at->vm, s->at->dirfd, err) == -1)
		return -1;
	save_phase(s, "settle");
	if (disks_plan(s, err) == -1 || memory_plan(s, err) == -1 ||
	    memory_prepare(s, err) == -1 || link_boot_files(s, err) == -1 ||
	    vmm_describe(s->vmm, &s->sidecar, err) == -1 ||
	    vmm_host(s->vmm, &s->envelope.host, err) == -1 ||
	    publish_describe(s, description, err) == -1)
		return -1;
	if (publish_check_disks(s, err) == -1)
		return -1;
	save_phase(s, "prepare");
	if (memory_flush(s, err) == -1 ||
	    vm_flush_disks(&s->at->vm, s->at->dirfd, err) == -1)
		return -1;
	save_phase(s, "flush");
	return 0;
}

/*
 * With --stop: the VMM ends, and what it held is the snapshot's.  What can go
 * wrong comes first: until then the guest can run on.
 */
static int
end_vmm(struct save *s, struct error *err)
{
	if (vmm_state_finish(&s->at->vm, s->at->dirfd, VM_SAVE_STATE,
		s->snap.dirfd, err) == -1 ||
	    memory_link(s, err) == -1)
		return -1;
	hook_step("ending");
	sig_shield();
	s->freeze.ended = true;
	vmm_quit(s->vmm, NULL);
	if (vmm_kill(&s->at->vm, clock_ms() + QUIT_MS, err) == -1)
		return -1;
	hook_step("ended");
	save_phase(s, "stop");
	return 0;
}

/* A freeze's capture: what must be of one moment. */
static int
capture(void *arg, struct error *err)
{
	struct save *s = arg;

	const char *vars = s->at->vm.machine.boot[MACHINE_VARS];

	if (vmm_state_save(s->vmm, VM_SAVE_STATE, err) == -1 ||
	    (vars != NULL && link_boot_file(s, vars, err) == -1))
		return -1;
	hook_step("state-saved");
	save_phase(s, "state");
	if (memory_capture(s, err) == -1)
		return -1;
	hook_step("memory-saved");
	save_phase(s, "memory");
	if (disks_reflink(s, err) == -1)
		return -1;
	hook_step("disks-saved");
	save_phase(s, "disks");
	return s->stop ? end_vmm(s, err) : 0;
}

/* A freeze's step: how long each took. */
static void
note_step(void *arg, enum freeze_step step)
{
	struct save *s = arg;

	switch (step) {
	case FREEZE_PREPARED:
		save_phase(s, "overlays");
		break;
	case FREEZE_WATCHED:
		s->phase_us = clock_us();
		break;
	case FREEZE_QUIET:
		if (s->freeze.quiesce.want != QUIESCE_NO)
			save_phase(s, "freeze");
		s->pause_us = s->phase_us = clock_us();
		break;
	case FREEZE_PAUSED:
		save_phase(s, "pause");
		break;
	case FREEZE_SWITCHED:
		save_phase(s, "switch");
		break;
	case FREEZE_RESUMED:
		if (!s->freeze.ended)
			save_phase(s, "resume");
		s->pause_ms = (double)(clock_us() - s->pause_us) / 1000;
		break;
	case FREEZE_THAWED:
		if (s->freeze.quiesce.frozen_ms > 0)
			save_phase(s, "thaw");
		break;
	}
}

/*
 * What the disks are by themselves.  A guest that was loaded, and has not run, is
 * as it was saved.
 */
static void
tell_consistent(struct save *s, const char *ref)
{
	const struct freeze *f = &s->freeze;
	bool is_frozen = f->quiesce.is_frozen ||
	    (f->was_paused && s->at->vm.thaw == VM_THAW_DUE);

	s->envelope.consistent = is_frozen ? ENVELOPE_CONSISTENT_FILESYSTEM
					   : ENVELOPE_CONSISTENT_CRASH;
	if (!is_frozen && f->quiesce.why.code != 0)
		diag("%s: warning: saved without a freeze: %s", ref,
		    f->quiesce.why.msg);
}

/* With the guest running again and the VM's lock still held. */
static int
collect(struct save *s, struct error *err)
{
	const struct vm *vm = &s->at->vm;

	if (disks_link(s, err) == -1 ||
	    (!s->stop &&
		vmm_state_finish(vm, s->at->dirfd, VM_SAVE_STATE, s->snap.dirfd,
		    err) == -1))
		return -1;
	if (s->stop && vmm_clear(&s->at->vm, s->at->dirfd, &s->now, err) == -1)
		return -1;
	hook_step("collected");
	save_phase(s, "collect");
	return 0;
}

static int
put_phases(json_t *report, const struct save *s, struct error *err)
{
	json_t *phases = json_object();
	size_t i;

	if (phases == NULL)
		return error_nomem(err, "report");
	for (i = 0; i < s->phases_n; i++)
		if (json_put(phases, s->phases[i].name,
			json_real(s->phases[i].ms), err) == -1) {
			json_decref(phases);
			return -1;
		}
	return json_put(report, "phases", phases, err);
}

static int
report_snapshot(json_t **out, struct save *s, const struct label *label,
    struct error *err)
{
	const struct root *root = s->at->root;
	char id[ID_LEN + 1], old_id[ID_LEN + 1];
	struct error why = { 0 };
	struct snap *snap;
	int rc;

	/* Its lock is given up first: whoever reads a snapshot takes one. */
	memcpy(id, s->snap.id, sizeof(id));
	memcpy(old_id, s->snap.old_id, sizeof(old_id));
	root_new_end(&s->snap);
	if (label_finish(root, old_id, label, &why) == -1)
		diag("warning: %s", why.msg);
	if (snap_open(&snap, root, id, err) == -1)
		return -1;
	rc = snap_report(out, snap, root, err);
	snap_close(snap);
	if (rc == -1)
		return -1;
	if (label_report(*out, old_id, err) == -1 ||
	    json_put(*out, "pause_ms", json_real(s->pause_ms), err) == -1 ||
	    (s->freeze.quiesce.frozen_ms > 0 &&
		json_put(*out, "frozen_ms",
		    json_real(s->freeze.quiesce.frozen_ms), err) == -1) ||
	    put_phases(*out, s, err) == -1) {
		json_decref(*out);
		return -1;
	}
	return 0;
}

static void
save_fini(struct save *s)
{
	vmm_detach(s->vmm);
	sidecar_fini(&s->sidecar);
	envelope_fini(&s->envelope);
	freeze_fini(&s->freeze);
	fd_drop(&s->memory_fd);
	fd_drop(&s->image_fd);
	strv_fini(&s->copied);
	root_new_end(&s->snap);
}

/* The part under the VM's lock. */
static int
save_locked(struct save *s, const char *description, struct error *err)
{
	int rc;

	if (!vm_is_alive(&s->at->vm))
		return error_set(err, EX_NOPERM, "not running");
	if (vmm_attach(&s->vmm, &s->at->vm, s->at->dirfd, VMM_CONTROL,
		clock_ms() + VMM_CALL_MS, err) == -1)
		return -1;
	s->freeze.vmm = s->vmm;
	if (prepare(s, description, err) == -1)
		return -1;
	rc = freeze_guest(&s->freeze, err);
	if (rc == 0) {
		tell_consistent(s, vm_label(&s->at->vm));
		rc = collect(s, err);
	}
	vmm_state_drop(s->at->dirfd, VM_SAVE_STATE);
	return rc;
}

int
save_vm(json_t **report, struct vm_at *at, const struct save_how *how,
    struct error *err)
{
	struct save s = { .at = at,
		.stop = how->stop,
		.freeze = { .at = at,
		    .stop = how->stop,
		    .quiesce = how->quiesce,
		    .capture = capture,
		    .step = note_step },
		.memory_fd = -1,
		.image_fd = -1 };
	int rc = -1;

	clock_gettime(CLOCK_REALTIME, &s.now);
	s.freeze.now = s.now;
	s.freeze.arg = &s;
	s.phase_us = clock_us();
	envelope_init(&s.envelope);
	if (label_begin(&s.snap, at->root, &how->label, err) == -1)
		goto out;
	if (save_locked(&s, how->label.description, err) == -1)
		goto out;
	/* The frozen files are ours: others may have the VM again. */
	vmm_detach(s.vmm);
	s.vmm = NULL;
	fd_drop(&at->dirfd);
	if (publish(&s, how->quiet, err) == -1)
		goto out;
	rc = report_snapshot(report, &s, &how->label, err);
out:
	save_fini(&s);
	return rc;
}
