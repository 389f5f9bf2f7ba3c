/* SPDX-License-Identifier: ISC */
#include "start.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/sig.h"
#include "state/inplace.h"
#include "state/vm_seed.h"
#include "vmm/own_disks.h"
#include "vmm/quiesce.h"
#include "vmm/vmm.h"

#define ENDING_MS 2000 /* for a process that does not answer any more */

/* Whether the VMM lives, and whoever started it came to the end of it. */
static int
is_started(bool *is, struct vm_at *at, struct error *err)
{
	enum vmm_state state;
	struct vmm *vmm;
	int rc, pidfd;

	*is = vm_is_alive(&at->vm) &&
	    proc_open(&pidfd, &at->vm.proc, NULL) == 0;
	if (!*is)
		return 0;
	rc = vmm_attach(&vmm, &at->vm, at->dirfd, VMM_CONTROL,
	    clock_ms() + VMM_CALL_MS, err);
	/* One that is just ending does not answer. */
	if (rc == -1 && proc_wait(pidfd, clock_ms() + ENDING_MS, NULL) == 0) {
		*is = false;
		rc = 0;
	}
	fd_drop(&pidfd);
	if (rc == -1 || !*is)
		return rc;
	rc = vmm_query(vmm, &state, err);
	vmm_detach(vmm);
	*is = rc == -1 || state != VMM_UNREADY;
	return rc == -1 || *is ? rc : vmm_kill(&at->vm, 0, err);
}

/*
 * Before a boot: a seed that was read goes.  A clone of a state that has no
 * disk for one, and gets none while it runs, has its own from here on.
 */
static int
tend_seed(struct vm_at *at, const struct timespec *now, struct error *err)
{
	struct vm *vm = &at->vm;
	const struct vmm_traits *t = vmm_traits(vm->machine.hypervisor);

	if (vm_seed_is_done(vm, at->dirfd))
		return vm_seed_let_go(vm, at->dirfd, !t->adds_seed, now, err);
	if (t->adds_seed || vm->machine.disks.n >= t->disks_max ||
	    !vm_seed_is_there(at->dirfd) ||
	    storage_find(&vm->machine.disks, STORAGE_CIDATA) != NULL)
		return 0;
	return vm_seed_make(vm, at->dirfd, err);
}

/* Once, and not to who has said what it is to be. */
static void
tell_emulation(struct start *s, const struct vm *vm)
{
	if (s->told || s->each.common.quiet || vm->accel != VM_ACCEL_TCG ||
	    vm->accel_choice != VM_ACCEL_AUTO || getenv("INSTAR_ACCEL") != NULL)
		return;
	diag("no KVM here that runs guests: by emulation, which is slower");
	s->told = true;
}

int
start_vm(struct vm_at *at, void *arg, struct error *err)
{
	struct start *s = arg;
	bool to_load = at->vm.to_load;
	struct vmm *vmm = NULL;
	struct timespec now;
	bool started;
	int rc = -1;

	if (ready_can_be(&s->each.ready, &at->vm, err) == -1 ||
	    is_started(&started, at, err) == -1)
		return -1;
	foreground_tell(&s->foreground, at->vm.id);
	at->vm.says_end = s->foreground.wanted;
	if (started) {
		if (!s->each.common.quiet)
			diag("%s: running already", vm_label(&at->vm));
		return 0;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	if (inplace_check(&at->vm, at->dirfd, err) == -1 ||
	    root_layers_check(at->root, at->dirfd, &at->vm.machine.layers, true,
		err) == -1 ||
	    own_disks(at, &now, err) == -1 ||
	    (!to_load && own_disks_storage(&at->vm, at->dirfd, err) == -1))
		return -1;
	if (!to_load && tend_seed(at, &now, err) == -1)
		return -1;
	at->vm.unconfined = s->unconfined;
	/* Who starts it anew wants it. */
	at->vm.auto_remove = false;
	if (vmm_spawn(&vmm, &at->vm, at->dirfd, &now, err) == 0 &&
	    vmm_ready(vmm, &now, err) == 0 && vmm_resume(vmm, err) == 0 &&
	    vm_at_write(at, false, &now, err) == 0)
		rc = 0;
	vmm_detach(vmm);
	if (rc == 0 && !to_load)
		tell_emulation(s, &at->vm);
	if (rc == -1) {
		if (sig_check(NULL) == -1)
			sig_shield();
		vmm_undo_start(&at->vm, to_load, at->dirfd, &now, NULL);
	}
	return rc == -1 ? -1 : quiesce_thaw_at(at, err);
}
