/* SPDX-License-Identifier: ISC */
#include "vmm/stop.h"

#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"
#include "vmm/vmm.h"

#define QUIT_MS 5000 /* for the VMM to close its disks */

/* Waits until the guest has turned itself off, or the time is over. */
static int
wait_for_guest(const struct vm *vm, int64_t until_ms, struct error *err)
{
	struct error late = { 0 };
	int pidfd, rc;

	if (proc_open(&pidfd, &vm->proc, NULL) == -1)
		return 0;
	rc = proc_wait(pidfd, until_ms, &late);
	fd_drop(&pidfd);
	if (rc == -1 && late.code != EX_TEMPFAIL) {
		if (err != NULL)
			*err = late;
		return -1;
	}
	return 0;
}

/* A guest that stands still hears no button. */
static bool
press(struct vmm *vmm, const struct stop *how)
{
	enum vmm_state state;

	return !how->force && how->timeout.ms > 0 &&
	    vmm_query(vmm, &state, NULL) == 0 && state == VMM_RUNNING &&
	    vmm_power_button(vmm, NULL) == 0;
}

/* A VMM that does not answer has no more time than its guest. */
static int64_t
call_ms(const struct stop *how)
{
	int64_t ms = (int64_t)how->timeout.ms;

	return ms < VMM_CALL_MS ? ms : VMM_CALL_MS;
}

void
stop_press(struct vm_at *at, void *arg)
{
	struct stop *how = arg;
	struct vmm *vmm;

	if (how->force || !vm_is_alive(&at->vm) ||
	    vmm_attach(&vmm, &at->vm, at->dirfd, VMM_CONTROL,
		clock_ms() + call_ms(how), NULL) == -1)
		return;
	if (press(vmm, how) &&
	    strv_add(&how->pressed, NULL, "%s", at->vm.id) == 0)
		how->until_ms = clock_ms() + (int64_t)how->timeout.ms;
	vmm_detach(vmm);
}

/* Whether the guest was told, and until when it has time. */
static bool
is_told(int64_t *until_ms, struct vmm *vmm, const struct vm *vm,
    const struct stop *how)
{
	*until_ms = how->until_ms;
	if (strv_has(&how->pressed, vm->id))
		return true;
	*until_ms = clock_ms() + (int64_t)how->timeout.ms;
	return press(vmm, how);
}

/*
 * The polite part: what can be said over the VMM's own line.  *went_off: the
 * guest has turned itself off; *quits: the VMM has said that it ends.
 */
static int
ask_guest(struct vm_at *at, const struct stop *how, bool *went_off, bool *quits,
    struct error *err)
{
	struct vmm *vmm;
	int64_t until_ms;
	int rc = 0;

	/* A VMM that does not answer is left to the signals. */
	if (vmm_attach(&vmm, &at->vm, at->dirfd, VMM_CONTROL,
		clock_ms() + call_ms(how), NULL) == -1)
		return sig_check(err);
	if (is_told(&until_ms, vmm, &at->vm, how))
		rc = wait_for_guest(&at->vm, until_ms, err);
	*went_off = !vm_is_alive(&at->vm);
	if (rc == 0 && !*went_off)
		*quits = vmm_quit(vmm, NULL) == 0;
	vmm_detach(vmm);
	return rc;
}

/* By force it is not asked: one that hangs would not answer for long. */
static int
end_vmm(struct vm_at *at, const struct stop *how, bool *went_off,
    struct error *err)
{
	bool quits = false;

	*went_off = false;
	if (!how->force && how->timeout.ms > 0 &&
	    ask_guest(at, how, went_off, &quits, err) == -1)
		return -1;
	return vmm_kill(&at->vm, quits ? clock_ms() + QUIT_MS : 0, err);
}

int
stop_vm(struct vm_at *at, void *arg, struct error *err)
{
	struct stop *how = arg;
	struct timespec now;

	how->went_off = !vmm_broke_down(&at->vm, at->dirfd);
	if (vm_is_alive(&at->vm) && end_vmm(at, how, &how->went_off, err) == -1)
		return -1;
	/* One that was never started may have a state to load. */
	if (at->vm.proc.pid == 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	return vmm_note_end(&at->vm, at->dirfd, how->went_off, &now, err);
}
