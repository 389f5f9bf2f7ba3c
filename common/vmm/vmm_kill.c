/* SPDX-License-Identifier: ISC */
/* A VMM ended: as a process, whatever hypervisor it is. */
#include "vmm/vmm.h"

#include <signal.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "vmm/cgroup.h"

#define VMM_TERM_MS 3000 /* between SIGTERM and SIGKILL */
#define VMM_REAP_MS 10000 /* after SIGKILL, for a process in the kernel */

int
vmm_kill(const struct vm *vm, int64_t deadline_ms, struct error *err)
{
	int pidfd;

	if (proc_open(&pidfd, &vm->proc, NULL) == -1) {
		if (vm_is_alive(vm))
			return error_set(err, EX_OSERR,
			    "process %ld: cannot be opened",
			    (long)vm->proc.pid);
		cgroup_remove(vm);
		return 0;
	}
	if (proc_wait(pidfd, deadline_ms, NULL) == 0)
		goto gone;
	if (proc_signal(pidfd, SIGTERM, err) == -1)
		goto fail;
	if (proc_wait(pidfd, clock_ms() + VMM_TERM_MS, NULL) == 0)
		goto gone;
	if (proc_signal(pidfd, SIGKILL, err) == -1 ||
	    proc_wait(pidfd, clock_ms() + VMM_REAP_MS, err) == -1)
		goto fail;
gone:
	fd_drop(&pidfd);
	cgroup_remove(vm);
	return 0;
fail:
	fd_drop(&pidfd);
	return error_wrap(err, "process %ld", (long)vm->proc.pid);
}
