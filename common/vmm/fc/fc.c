/* SPDX-License-Identifier: ISC */
/* The Firecracker driver: questions and orders to one that runs. */
#include "vmm/fc/fc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "disk/copy.h"
#include "vmm/fc/fc_arch.h"
#include "vmm/fc/fc_import.h"
#include "vmm/host/console.h"
#include "vmm/host/spawn.h"

#define LISTEN_MS 2000 /* for a guest to read them */

static int
call(struct vmm *vmm, const char *method, const char *path, json_t *body,
    struct error *err)
{
	return fc_call(vmm, method, path, body, NULL, clock_ms() + VMM_CALL_MS,
	    err);
}

/* It listens since it started: only a full queue is a reason to wait. */
static int
attach(struct vmm *vmm, enum vmm_line line, int64_t deadline_ms,
    struct error *err)
{
	struct fc *fc = calloc(1, sizeof(*fc));

	(void)line; /* one socket serves everybody */
	if (fc == NULL)
		return error_nomem(err, NULL);
	vmm->own = fc;
	return rest_open(&fc->rest, vmm->dirfd, FC_API_SOCKET, false,
	    deadline_ms, err);
}

static void
detach(struct vmm *vmm)
{
	struct fc *fc = vmm->own;

	if (fc != NULL)
		rest_close(fc->rest);
	free(fc);
}

static int
query(struct vmm *vmm, enum vmm_state *out, struct error *err)
{
	static const struct {
		const char *name;
		enum vmm_state state;
	} states[] = {
		{ "Running", VMM_RUNNING },
		{ "Paused", VMM_PAUSED },
		{ "Not started", VMM_UNREADY },
	};
	char state[32] = "";
	struct jdoc *reply;
	size_t i;

	if (fc_call(vmm, "GET", "/", NULL, &reply, clock_ms() + VMM_CALL_MS,
		err) == -1)
		return -1;
	/* None, or one that does not fit, is one that we do not know. */
	(void)jdoc_get_str(reply, JDOC_ROOT, "state", state, sizeof(state),
	    JSON_OPTIONAL, NULL);
	*out = VMM_BROKEN;
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(state, states[i].name) == 0)
			*out = states[i].state;
	jdoc_free(reply);
	return 0;
}

static int
pause_guest(struct vmm *vmm, struct error *err)
{
	return call(vmm, "PATCH", "/vm", json_pack("{s:s}", "state", "Paused"),
	    err);
}

static int
act(struct vmm *vmm, const char *action, struct error *err)
{
	return call(vmm, "PUT", "/actions",
	    json_pack("{s:s}", "action_type", action), err);
}

/* A boot cannot be stopped before its first instruction: it is begun here. */
static int
resume_guest(struct vmm *vmm, struct error *err)
{
	struct fc *fc = vmm->own;

	if (!fc->is_new)
		return call(vmm, "PATCH", "/vm",
		    json_pack("{s:s}", "state", "Resumed"), err);
	if (act(vmm, "InstanceStart", err) == -1)
		return -1;
	fc->is_new = false;
	return 0;
}

/*
 * A guest without a driver for it never reads the keys, and their queue has room
 * for some: that one more does not fit tells who is deaf.
 */
static int
power_button(struct vmm *vmm, struct error *err)
{
	int i, pidfd, rc;

	if (FC_ARCH.button == NULL)
		return error_set(err, EX_UNAVAILABLE,
		    "Firecracker has no power button here");
	for (i = 0; i < FC_ARCH.button_fill; i++)
		if (act(vmm, FC_ARCH.button, err) == -1)
			return -1;
	if (proc_open(&pidfd, &vmm->vm->proc, NULL) == -1)
		return 0;
	rc = proc_wait(pidfd, clock_ms() + LISTEN_MS, NULL);
	fd_drop(&pidfd);
	return rc == 0 ? 0 : act(vmm, FC_ARCH.button, err);
}

static int
is_console_free(struct vmm *vmm, bool *is_free, struct error *err)
{
	(void)err;
	*is_free = console_is_free(vmm->dirfd);
	return 0;
}

/* There is no call for it; it has nothing to finish. */
static int
quit(struct vmm *vmm, struct error *err)
{
	int pidfd, rc;

	if (proc_open(&pidfd, &vmm->vm->proc, NULL) == -1)
		return 0;
	rc = proc_signal(pidfd, SIGTERM, err);
	fd_drop(&pidfd);
	return rc;
}

/* After a load Firecracker tells its drives in any order: the record counts. */
static int
describe(struct vmm *vmm, struct sidecar *out, struct error *err)
{
	struct storage_list *disks = &out->machine.disks;
	const struct vm *vm = vmm->vm;
	size_t i;

	if (vmm_describe_vm(out, vm, err) == -1)
		return -1;
	/* By now the state, too, calls them so: vmm/fc_space.h. */
	for (i = 0; i < disks->n; i++) {
		free(disks->v[i].origin);
		disks->v[i].origin = NULL;
	}
	out->cpu = vm->machine.cpu;
	out->memory_bytes = vm->machine.memory_bytes;
	return 0;
}

static int
open_memory(struct vmm *vmm, int *fd, struct error *err)
{
	(void)vmm;
	(void)fd;
	return error_set(err, EX_SOFTWARE, "memory of Firecracker's own");
}

static int
version(struct vmm *vmm, char *out, size_t cap, struct error *err)
{
	return fc_ask_version(vmm, out, cap, clock_ms() + VMM_CALL_MS, err);
}

static bool
writes_memory(const struct vm *vm)
{
	(void)vm;
	return true;
}

/* Mapped privately and opened for reading only: a link will always do. */
static int
put_guest(struct vm *vm, int dirfd, const struct load *load, struct error *err)
{
	vm->memory = VM_MEMORY_TEMPLATE;
	if (load_put_template(vm, dirfd, load,
		COPY_MAY_REFLINK | (load->copy_memory ? 0 : COPY_MAY_LINK),
		err) == -1)
		return -1;
	return load_put_state(vm, dirfd, load, err);
}

static void
clean_up(const struct vm *vm, int dirfd)
{
	(void)vm;
	unlinkat(dirfd, FC_SAVED, 0);
	unlinkat(dirfd, FC_VSOCK, 0);
}

static bool
reads_templates(void)
{
	return true;
}

static const char *const state_files[] = { FC_STATE, NULL };

static const char *const files[] = { FC_LOG, FC_SAVED, FC_VSOCK, NULL };

const struct vmm_driver vmm_fc = {
	.name = FC_NAME,
	.traits = {
		.api_socket = FC_API_SOCKET,
		.agent_socket = FC_VSOCK,
		.has_vsock = true,
		.state_files = state_files,
		.memory_file = FC_MEMORY,
		.disks_max = STORAGE_MAX,
		.has_links = true,
		.has_vmgenid = true,
		.needs_elf = true,
		.matches_loaded = true,
		.names_disks = true,
		.in_wrenn = true,
	},
	.files = files,
	.check_program = fc_check_program,
	.check_vm = fc_check_vm,
	.reads_templates = reads_templates,
	.put_guest = put_guest,
	.spawn = fc_spawn,
	.ready = fc_ready,
	.explain = fc_explain,
	.attach = attach,
	.detach = detach,
	.query = query,
	.pause = pause_guest,
	.resume = resume_guest,
	.set_links = fc_set_links,
	.power_button = power_button,
	.console_is_free = is_console_free,
	.quit = quit,
	.describe = describe,
	.open_memory = open_memory,
	.check_host = fc_check_host,
	.version = version,
	.settle_disks = fc_settle,
	.state_save = fc_state_save,
	.state_finish = fc_state_finish,
	.writes_memory = writes_memory,
	.state_published = fc_state_published,
	.state_match = fc_state_match,
	.devices_match = fc_devices_match,
	.complete = fc_complete,
	.find_nics = fc_find_nics,
	.can_import = fc_can_import,
	.import = fc_import,
	.clean_up = clean_up,
};
