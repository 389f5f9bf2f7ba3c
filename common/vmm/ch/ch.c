/* SPDX-License-Identifier: ISC */
/* The Cloud Hypervisor driver: questions and orders to one that runs. */
#include "vmm/ch/ch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "disk/chain.h"
#include "vmm/ch/ch_import.h"
#include "vmm/host/console.h"
#include "vmm/host/processor.h"
#include "vmm/host/spawn.h"

static int
put_plain(struct vmm *vmm, const char *action, struct error *err)
{
	return ch_put(vmm, action, NULL, NULL, clock_ms() + VMM_CALL_MS, err);
}

static int
check_program(struct error *err)
{
	return spawn_check_program("INSTAR_CLOUD_HYPERVISOR", CH_NAME,
	    "install it (instar(7) says how)", err);
}

static int
check_vm(const struct vm *vm, struct error *err)
{
	if (vm->machine.boot[MACHINE_KERNEL] == NULL &&
	    vm->machine.boot[MACHINE_FIRMWARE] == NULL)
		return error_set(err, EX_USAGE,
		    CH_NAME " boots a --kernel or a --firmware");
	return 0;
}

static int
attach(struct vmm *vmm, enum vmm_line line, int64_t deadline_ms,
    struct error *err)
{
	struct ch *ch = calloc(1, sizeof(*ch));

	(void)line; /* its socket takes several at once */
	if (ch == NULL)
		return error_nomem(err, NULL);
	ch->memory_fd = -1;
	vmm->own = ch;
	return rest_open(&ch->rest, vmm->dirfd, CH_API_SOCKET, false,
	    deadline_ms, err);
}

static void
detach(struct vmm *vmm)
{
	struct ch *ch = vmm->own;

	if (ch != NULL && ch->to_boot)
		taps_drop(&ch->taps, vmm->vm);
	if (ch != NULL) {
		rest_close(ch->rest);
		fd_drop(&ch->memory_fd);
	}
	free(ch);
}

static int
query(struct vmm *vmm, enum vmm_state *out, struct error *err)
{
	static const struct {
		const char *name;
		enum vmm_state state;
	} states[] = {
		{ "Created", VMM_UNREADY },
		{ "Running", VMM_RUNNING },
		{ "Paused", VMM_PAUSED },
	};
	struct ch *ch = vmm->own;
	char name[32] = "";
	struct jdoc *info;
	size_t i;

	if (ch_get(vmm, "vm.info", &info, clock_ms() + VMM_CALL_MS, err) ==
	    -1) {
		/* It says so where no VM was made yet: 404, up to v52 500. */
		if (rest_status(ch->rest) != 404 &&
		    rest_status(ch->rest) != 500)
			return -1;
		*out = VMM_UNREADY;
		return 0;
	}
	/* None, or one that does not fit, is one that we do not know. */
	(void)jdoc_get_str(info, JDOC_ROOT, "state", name, sizeof(name),
	    JSON_OPTIONAL, NULL);
	*out = VMM_BROKEN;
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(name, states[i].name) == 0)
			*out = states[i].state;
	jdoc_free(info);
	return 0;
}

/* An order that is refused where the guest is as it is to be already. */
static int
order(struct vmm *vmm, const char *action, enum vmm_state wanted,
    struct error *err)
{
	struct error why = { 0 };
	enum vmm_state state;

	if (put_plain(vmm, action, &why) == 0)
		return 0;
	if (why.code == EX_UNAVAILABLE && query(vmm, &state, NULL) == 0 &&
	    state == wanted)
		return 0;
	if (err != NULL)
		*err = why;
	return -1;
}

static int
pause_guest(struct vmm *vmm, struct error *err)
{
	return order(vmm, "vm.pause", VMM_PAUSED, err);
}

/* A machine that was only made stands as still as a paused one. */
static int
resume_guest(struct vmm *vmm, struct error *err)
{
	struct ch *ch = vmm->own;

	if (!ch->to_boot)
		return order(vmm, "vm.resume", VMM_RUNNING, err);
	if (ch_put(vmm, "vm.boot", NULL, NULL, clock_ms() + VMM_START_MS,
		err) == -1)
		return -1;
	ch->to_boot = false;
	return taps_give(&ch->taps, vmm->vm, err);
}

static int
power_button(struct vmm *vmm, struct error *err)
{
	return put_plain(vmm, "vm.power-button", err);
}

static int
ask_console(struct vmm *vmm, bool *is_free, struct error *err)
{
	(void)err;
	*is_free = console_is_free(vmm->dirfd);
	return 0;
}

/* Of a qcow2 it writes at its end what it still holds back. */
static bool
has_qcow2(const struct vm *vm)
{
	size_t i;

	for (i = 0; i < vm->machine.disks.n; i++)
		if (!vm->machine.disks.v[i].ro &&
		    !chain_format(vm->machine.disks.v[i].path)->is_flat)
			return true;
	return false;
}

/*
 * Its shutdown lets the devices go on before it ends them (vmm/src/vm.rs,
 * Vm::shutdown): requests that wait in a queue would be served, and said to be
 * done in the memory that a snapshot has, behind its disks and its state.
 */
static int
quit(struct vmm *vmm, struct error *err)
{
	const struct ch *ch = vmm->own;
	int pidfd, rc;

	if (!ch->is_saved || has_qcow2(vmm->vm))
		return put_plain(vmm, "vmm.shutdown", err);
	if (proc_open(&pidfd, &vmm->vm->proc, NULL) == -1)
		return 0;
	rc = proc_signal(pidfd, SIGKILL, err);
	fd_drop(&pidfd);
	return rc;
}

/* Its disks are the record's: nothing changes their files but a load. */
static int
describe(struct vmm *vmm, struct sidecar *out, struct error *err)
{
	return vmm_describe_vm(out, vmm->vm, err);
}

static int
open_memory(struct vmm *vmm, int *fd, struct error *err)
{
	char path[64];

	if (vmm->vm->memory == VM_MEMORY_FILE)
		return fd_open_file(fd, NULL, vmm->dirfd, VM_MEMORY, O_RDONLY,
		    err);
	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)vmm->vm->proc.pid,
	    CH_FD_MEMORY);
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd == -1 ? error_sys(err, error_code_of(errno), "%s", path) : 0;
}

static int
check_host(const struct envelope_host *host, const struct sidecar *sidecar,
    struct error *err)
{
	(void)sidecar;
	if (strcmp(host->accel, "kvm") != 0)
		return error_set(err, EX_CONFIG,
		    "saved under accelerator %s, " CH_NAME " knows kvm alone",
		    host->accel);
	if (ch_check_saved_version(host->version, err) == -1)
		return -1;
	if (!processor_has_kvm())
		return error_set(err, EX_CONFIG,
		    "saved under kvm, which is not here");
	return processor_check(&host->cpu_flags, err);
}

static bool
writes_memory(const struct vm *vm)
{
	return vm->memory == VM_MEMORY_PRIVATE;
}

/* A guest sees a NIC in the place of another with the address that it has. */
static void
note_identity(const struct vm *vm, struct vm_identity *id)
{
	size_t i;

	for (i = 0; i < vm->machine.nics.n; i++)
		if (vm->machine.nics.v[i].is_new)
			snprintf(id->mac, sizeof(id->mac), "offered");
}

static void
clean_up(const struct vm *vm, int dirfd)
{
	(void)vm;
	unlinkat(dirfd, CH_VSOCK, 0);
}

static const char *const state_files[] = { CH_CONFIG_NAME, CH_STATE_NAME,
	NULL };

static const char *const files[] = { CH_VSOCK, NULL };

const struct vmm_driver vmm_ch = {
	.name = CH_NAME,
	.traits = {
		.api_socket = CH_API_SOCKET,
		.agent_socket = CH_VSOCK,
		.has_vsock = true,
		.state_files = state_files,
		.memory_file = VM_MEMORY,
		.memory_dump = CH_RANGES_NAME,
		.disks_max = STORAGE_MAX,
		.has_firmware = true,
		.has_memfd = true,
		.can_overlay = true,
		.adds_seed = true,
		.starts_bare = true,
		.matches_loaded = true,
		.hashes_loaded = true,
	},
	.files = files,
	.check_program = check_program,
	.check_vm = check_vm,
	.put_guest = ch_put_guest,
	.spawn = ch_spawn,
	.ready = ch_ready,
	.explain = ch_explain,
	.attach = attach,
	.detach = detach,
	.query = query,
	.pause = pause_guest,
	.resume = resume_guest,
	.power_button = power_button,
	.console_is_free = ask_console,
	.quit = quit,
	.describe = describe,
	.open_memory = open_memory,
	.check_host = check_host,
	.version = ch_version,
	.state_save = ch_state_save,
	.state_finish = ch_state_finish,
	.writes_memory = writes_memory,
	.state_match = ch_check_state,
	.complete = ch_complete,
	.can_import = ch_can_import,
	.import = ch_import,
	.note_identity = note_identity,
	.clean_up = clean_up,
};
