/* SPDX-License-Identifier: ISC */
#include "vmm/vmm.h"

#include <sys/utsname.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/sig.h"
#include "vmm/driver.h"

/*
 * A driver is a folder here, vmm/NAME/, with a table vmm_NAME, and a line; the
 * first one is what a VM has when nobody says.
 */
/* clang-format off */
#define DRIVERS \
	line(qemu) \
	line(ch) \
	line(fc)
/* clang-format on */

#define line(name) extern const struct vmm_driver vmm_##name;
DRIVERS
#undef line

#define line(name) &vmm_##name,
static const struct vmm_driver *const drivers[] = { DRIVERS };
#undef line

#define DRIVERS_N (sizeof(drivers) / sizeof(drivers[0]))

const struct vmm_driver *
vmm_driver_at(size_t i)
{
	return i < DRIVERS_N ? drivers[i] : NULL;
}

const struct vmm_driver *
vmm_find_driver(const char *hypervisor)
{
	size_t i;

	for (i = 0; i < DRIVERS_N; i++)
		if (strcmp(drivers[i]->name, hypervisor) == 0)
			return drivers[i];
	return NULL;
}

const struct vmm_traits *
vmm_traits(const char *hypervisor)
{
	static const char *const no_files[] = { NULL };
	/* A record may name what nobody knows: it can still be listed. */
	static const struct vmm_traits none = { .api_socket = VM_API_SOCKET,
		.state_files = no_files,
		.memory_file = VM_MEMORY,
		.disks_max = STORAGE_MAX };
	const struct vmm_driver *driver = vmm_find_driver(hypervisor);

	return driver == NULL ? &none : &driver->traits;
}

/* What every driver lacks or has, as its traits say. */
int
vmm_check_vm(const struct vm *vm, struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    vm->machine.hypervisor);
	const struct vmm_traits *has = &driver->traits;
	size_t i;

	if (vm->accel_choice == VM_ACCEL_TCG && !has->has_tcg)
		return error_set(err, EX_USAGE,
		    "--accel tcg: %s runs guests under KVM only", driver->name);
	if (vm->machine.boot[MACHINE_FIRMWARE] != NULL && !has->has_firmware)
		return error_set(err, EX_USAGE, "--firmware: %s takes none",
		    driver->name);
	if (vm->machine.boot[MACHINE_VARS] != NULL && !has->has_flash)
		return error_set(err, EX_USAGE,
		    "--firmware-vars: %s keeps no variables", driver->name);
	if (vm->machine.disks.n > has->disks_max)
		return error_set(err, EX_USAGE, "%zu disks: %s has at most %zu",
		    vm->machine.disks.n, driver->name, has->disks_max);
	for (i = 0; i < vm->machine.nics.n; i++)
		if (vm->machine.nics.v[i].kind == NIC_USER &&
		    !has->has_user_nics)
			return error_set(err, EX_USAGE,
			    "--nic user: %s has none; give it a tap or bridge",
			    driver->name);
	return driver->check_vm == NULL ? 0 : driver->check_vm(vm, err);
}

static struct vmm *
new_vmm(struct vm *vm, int dirfd, struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    vm->machine.hypervisor);
	struct vmm *vmm;

	if (driver == NULL) {
		error_set(err, EX_CONFIG, "hypervisor %s: no driver for it",
		    vm->machine.hypervisor);
		return NULL;
	}
	vmm = calloc(1, sizeof(*vmm));
	if (vmm == NULL) {
		error_nomem(err, NULL);
		return NULL;
	}
	vmm->driver = driver;
	vmm->vm = vm;
	vmm->dirfd = dirfd;
	return vmm;
}

int
vmm_spawn(struct vmm **out, struct vm *vm, int dirfd,
    const struct timespec *now, struct error *err)
{
	struct vmm *vmm = new_vmm(vm, dirfd, err);

	if (vmm == NULL)
		return -1;
	if (vmm->driver->spawn(vmm, now, err) == -1) {
		vmm_detach(vmm);
		return -1;
	}
	*out = vmm;
	return 0;
}

/* What a guest loaded from a state has got anew, and what it has not. */
static void
note_identity(const struct vmm_driver *driver, struct vm *vm,
    const struct timespec *now)
{
	struct vm_identity *id = &vm->identity;
	struct timespec saved;
	const char *names, *mac = "inherited";
	size_t i;

	memset(id, 0, sizeof(*id));
	id->present = true;
	id->vmgenid_offered = driver->traits.has_vmgenid;
	for (i = 0; i < vm->machine.nics.n; i++)
		if (vm->machine.nics.v[i].mac_pending)
			mac = "next-boot";
	if (vm->machine.nics.n > 0)
		snprintf(id->mac, sizeof(id->mac), "%s", mac);
	/* A clone's seed says its own; the guest reads it when it boots. */
	names = storage_find(&vm->machine.disks, STORAGE_CIDATA) != NULL &&
		vm->restored_from[0] == '\0'
	    ? "next-boot"
	    : "inherited";
	snprintf(id->instance_id, sizeof(id->instance_id), "%s", names);
	snprintf(id->hostname, sizeof(id->hostname), "%s", names);
	if (rfc3339_parse(&saved, vm->saved_at, NULL) == 0 &&
	    now->tv_sec > saved.tv_sec)
		id->clock_behind_s = (uint64_t)(now->tv_sec - saved.tv_sec);
	if (driver->note_identity != NULL)
		driver->note_identity(vm, id);
}

/* A guest that boots from power-on has all that its record says. */
static void
forget_identity(struct vm *vm)
{
	size_t i;

	memset(&vm->identity, 0, sizeof(vm->identity));
	vm->thaw = VM_THAW_DONE;
	for (i = 0; i < vm->machine.nics.n; i++)
		vm->machine.nics.v[i].mac_pending = false;
}

int
vmm_ready(struct vmm *vmm, const struct timespec *now, struct error *err)
{
	struct vm *vm = vmm->vm;

	if (vmm->driver->ready(vmm, clock_ms() + VMM_START_MS, err) == -1) {
		/* As long as its last words are its own. */
		vmm->driver->explain(vmm, err);
		if (sig_check(NULL) == -1)
			sig_shield();
		vmm_kill(vm, 0, NULL);
		return -1;
	}
	/* It has its own by now, and nothing else needs it. */
	if (vm->memory == VM_MEMORY_MEMFD)
		unlinkat(vmm->dirfd, VM_TEMPLATE, 0);
	if (vm->to_load)
		note_identity(vmm->driver, vm, now);
	else
		forget_identity(vm);
	vm->to_load = false;
	rfc3339_us(vm->started_at, now);
	vm->stopped_at[0] = '\0';
	return vm_set_error(vm, NULL, err);
}

int
vmm_attach(struct vmm **out, struct vm *vm, int dirfd, enum vmm_line line,
    int64_t deadline_ms, struct error *err)
{
	struct vmm *vmm = new_vmm(vm, dirfd, err);

	if (vmm == NULL)
		return -1;
	if (vmm->driver->attach(vmm, line, deadline_ms, err) == -1) {
		vmm_detach(vmm);
		return -1;
	}
	*out = vmm;
	return 0;
}

void
vmm_detach(struct vmm *vmm)
{
	if (vmm == NULL)
		return;
	vmm->driver->detach(vmm);
	free(vmm);
}

int
vmm_query(struct vmm *vmm, enum vmm_state *out, struct error *err)
{
	if (vmm->driver->query(vmm, out, err) == -1)
		return -1;
	/* The tool that started it was killed before it wrote the record. */
	if (vmm->vm->to_load && *out == VMM_PAUSED)
		*out = VMM_UNREADY;
	return 0;
}

int
vmm_pause(struct vmm *vmm, struct error *err)
{
	return vmm->driver->pause(vmm, err);
}

int
vmm_resume_ask(struct vmm *vmm, struct error *err)
{
	if (vmm->vm->thaw == VM_THAW_DUE)
		vmm->vm->thaw = VM_THAW_UNSURE;
	return vmm->driver->resume_ask == NULL
	    ? 0
	    : vmm->driver->resume_ask(vmm, err);
}

int
vmm_resume_end(struct vmm *vmm, struct error *err)
{
	return vmm->driver->resume(vmm, err);
}

int
vmm_resume(struct vmm *vmm, struct error *err)
{
	return vmm_resume_ask(vmm, err) == -1 ? -1 : vmm_resume_end(vmm, err);
}

int
vmm_set_links(struct vmm *vmm, bool up, struct error *err)
{
	return vmm->driver->set_links == NULL
	    ? 0
	    : vmm->driver->set_links(vmm, up, err);
}

int
vmm_set_forwards(struct vmm *vmm, bool held, struct error *err)
{
	return vmm->driver->set_forwards == NULL
	    ? 0
	    : vmm->driver->set_forwards(vmm, held, err);
}

int
vmm_take_forwards(struct vmm *vmm, struct error *err)
{
	uint16_t asked[NIC_MAX][NIC_FORWARD_MAX];
	struct nic_list *nics = &vmm->vm->machine.nics;
	struct nic_forward *fwd;
	size_t i, k;
	int rc;

	for (i = 0; i < nics->n; i++)
		for (k = 0; k < nics->v[i].forwards_n; k++) {
			fwd = &nics->v[i].forwards[k];
			asked[i][k] = fwd->port;
			fwd->any = fwd->port == 0;
			if (fwd->host_port != 0)
				fwd->port = fwd->host_port;
		}
	rc = vmm_set_forwards(vmm, true, err);
	for (i = 0; i < nics->n; i++)
		for (k = 0; k < nics->v[i].forwards_n; k++) {
			nics->v[i].forwards[k].port = asked[i][k];
			nics->v[i].forwards[k].any = false;
		}
	return rc;
}

int
vmm_resize_disk(struct vmm *vmm, size_t i, uint64_t bytes, struct error *err)
{
	return vmm->driver->resize_disk(vmm, i, bytes, err);
}

int
vmm_power_button(struct vmm *vmm, struct error *err)
{
	return vmm->driver->power_button(vmm, err);
}

int
vmm_console_is_free(struct vmm *vmm, bool *is_free, struct error *err)
{
	return vmm->driver->console_is_free(vmm, is_free, err);
}

int
vmm_agent_is_there(struct vmm *vmm, bool *is_there, struct error *err)
{
	*is_there = vmm->vm->machine.agent;
	return !*is_there || vmm->driver->agent_is_there == NULL
	    ? 0
	    : vmm->driver->agent_is_there(vmm, is_there, err);
}

int
vmm_quit(struct vmm *vmm, struct error *err)
{
	return vmm->driver->quit(vmm, err);
}

int
vmm_describe_vm(struct sidecar *out, const struct vm *vm, struct error *err)
{
	struct nic_list *nics = &out->machine.nics;
	size_t i, k;

	snprintf(out->vm_id, sizeof(out->vm_id), "%s", vm->id);
	if (machine_fill(&out->machine, &vm->machine, err) == -1)
		return -1;
	for (i = 0; i < nics->n; i++)
		for (k = 0; k < nics->v[i].forwards_n; k++)
			nics->v[i].forwards[k].host_port = 0;
	return 0;
}

int
vmm_describe(struct vmm *vmm, struct sidecar *out, struct error *err)
{
	struct sidecar s = { 0 };

	if (vmm->driver->describe(vmm, &s, err) == -1) {
		sidecar_fini(&s);
		return -1;
	}
	*out = s;
	return 0;
}

int
vmm_open_memory(struct vmm *vmm, int *fd, struct error *err)
{
	return vmm->driver->open_memory(vmm, fd, err);
}

int
vmm_complete(const struct envelope *envelope, int dirfd,
    struct sidecar *sidecar, struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    envelope->machine.hypervisor);

	if (driver == NULL || driver->complete == NULL ||
	    envelope->host.present || envelope->config.nics == 0 ||
	    sidecar->machine.nics.n > 0)
		return 0;
	return driver->complete(dirfd, sidecar, err);
}

int
vmm_check_host(const struct envelope_host *host, const struct sidecar *sidecar,
    struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(host->vmm);
	struct utsname uts;

	if (driver == NULL)
		return error_set(err, EX_CONFIG,
		    "saved by %s, which has no "
		    "driver here",
		    host->vmm);
	if (uname(&uts) == -1)
		return error_sys(err, EX_OSERR, "uname");
	if (strcmp(uts.machine, host->arch) != 0)
		return error_set(err, EX_CONFIG, "saved on %s, this is %s",
		    host->arch, uts.machine);
	return driver->check_host(host, sidecar, err);
}
