/* SPDX-License-Identifier: ISC */
/* What a save has a driver do, and whether a state fits. */
#include "vmm/driver.h"
#include "vmm/vmm.h"

int
vmm_settle_disks(struct vmm *vmm, const struct timespec *now, struct error *err)
{
	return vmm->driver->settle_disks == NULL
	    ? 0
	    : vmm->driver->settle_disks(vmm, now, err);
}

int
vmm_add_overlays(struct vmm *vmm, const char *const *overlays,
    struct error *err)
{
	return vmm->driver->add_overlays(vmm, overlays, err);
}

void
vmm_drop_overlays(struct vmm *vmm, const char *const *overlays)
{
	vmm->driver->drop_overlays(vmm, overlays);
}

int
vmm_switch_disks(struct vmm *vmm, const char *const *overlays,
    struct error *err)
{
	return vmm->driver->switch_disks(vmm, overlays, err);
}

int
vmm_state_save(struct vmm *vmm, const char *name, struct error *err)
{
	return vmm->driver->state_save(vmm, name, err);
}

int
vmm_state_finish(const struct vm *vm, int dirfd, const char *name, int to_dirfd,
    struct error *err)
{
	return vmm_find_driver(vm->machine.hypervisor)
	    ->state_finish(vm, dirfd, name, to_dirfd, err);
}

int
vmm_state_check(const struct vm *vm, int dirfd, struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    vm->machine.hypervisor);

	return driver->state_check == NULL
	    ? 0
	    : driver->state_check(vm, dirfd, err);
}

bool
vmm_writes_memory(const struct vm *vm)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    vm->machine.hypervisor);

	return driver->writes_memory != NULL && driver->writes_memory(vm);
}

int
vmm_state_published(struct vm *vm, int dirfd, int snap_dirfd, struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    vm->machine.hypervisor);

	return driver->state_published == NULL
	    ? 0
	    : driver->state_published(vm, dirfd, snap_dirfd, err);
}

int
vmm_state_match(const struct machine *machine, int dirfd, struct error *err)
{
	return vmm_find_driver(machine->hypervisor)
	    ->state_match(machine, dirfd, err);
}

int
vmm_devices_match(const struct sidecar *sidecar, struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    sidecar->machine.hypervisor);

	return driver->devices_match == NULL
	    ? 0
	    : driver->devices_match(sidecar, err);
}
