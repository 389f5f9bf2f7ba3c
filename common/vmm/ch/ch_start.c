/* SPDX-License-Identifier: ISC */
/* Cloud Hypervisor started, and made ready or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/sig.h"
#include "base/strv.h"
#include "vmm/ch/ch.h"
#include "vmm/host/console.h"
#include "vmm/host/spawn.h"

/*
 * In a file of the VM's own, if nothing else was asked for.  What is loaded may
 * need a memfd: whether it does, nobody has to know before the process starts.
 */
static int
make_memory(struct spawn_fds *fds, struct vmm *vmm, struct error *err)
{
	struct ch *ch = vmm->own;
	struct vm *vm = vmm->vm;

	if (vm->to_load)
		return spawn_empty_memfd(fds, &ch->memory_fd, CH_FD_MEMORY,
		    err);
	unlinkat(vmm->dirfd, VM_TEMPLATE, 0);
	vm->memory = vm->memory_choice == VM_MEMORY_MEMFD ? VM_MEMORY_MEMFD
							  : VM_MEMORY_FILE;
	return vm->memory == VM_MEMORY_FILE
	    ? spawn_memory_file(vm, vmm->dirfd, err)
	    : spawn_memfd(fds, vm, vmm->dirfd, CH_FD_MEMORY, err);
}

/* The process is there: what it was handed down empty gets the memory. */
static int
fill_memory(struct vmm *vmm, struct error *err)
{
	struct ch *ch = vmm->own;
	int rc = 0;

	if (vmm->vm->memory == VM_MEMORY_MEMFD)
		rc = spawn_fill_memfd(ch->memory_fd, vmm->vm, vmm->dirfd, err);
	fd_drop(&ch->memory_fd);
	return rc;
}

static int
run(struct vmm *vmm, const struct spawn_fds *fds, int log_fd,
    const struct console_parts *console, const struct timespec *now,
    struct error *err)
{
	struct strv argv = { 0 };
	int rc = -1;

	if (strv_add(&argv, err, "%s",
		spawn_program("INSTAR_CLOUD_HYPERVISOR", CH_NAME)) == 0 &&
	    strv_add(&argv, err, "--api-socket") == 0 &&
	    strv_add(&argv, err, "fd=%d", CH_FD_API) == 0)
		rc = spawn_process(vmm, argv.v, fds, log_fd, console, now, err);
	strv_fini(&argv);
	return rc;
}

int
ch_spawn(struct vmm *vmm, const struct timespec *now, struct error *err)
{
	struct spawn_fds fds = { .n = 0 };
	struct vm *vm = vmm->vm;
	struct console_parts console = CONSOLE_NONE;
	int log_fd = -1, rc = -1;
	struct ch *ch;

	ch = vmm->own = calloc(1, sizeof(*ch));
	if (ch == NULL)
		return error_nomem(err, NULL);
	ch->memory_fd = -1;
	vm->accel = VM_ACCEL_KVM;
	snprintf(vm->machine.cpu_model, sizeof(vm->machine.cpu_model), "host");
	/* It takes none that is there already. */
	unlinkat(vmm->dirfd, CH_VSOCK, 0);
	if (make_memory(&fds, vmm, err) == -1 ||
	    spawn_open_log(&log_fd, &ch->log_from, vmm->dirfd, VM_VMM_LOG,
		err) == -1 ||
	    spawn_listen(&fds, vmm->dirfd, CH_API_SOCKET, CH_FD_API, err) ==
		-1 ||
	    console_open(&console, CONSOLE_TERMINAL, vm, vmm->dirfd, err) == -1)
		goto out;
	fds.needs = (struct cage_needs){ .writes_template = true,
		.makes_sockets = true,
		.opens_taps = vm->machine.nics.n > 0 };
	rc = run(vmm, &fds, log_fd, &console, now, err);
out:
	console_drop(&console);
	fd_drop(&log_fd);
	spawn_drop(&fds);
	return rc;
}

/* In place of "closed the connection" why it did. */
int
ch_explain(const struct vmm *vmm, struct error *err)
{
	const struct ch *ch = vmm->own;
	char words[ERROR_MSG_MAX - 64];

	if (err == NULL || err->code != EX_UNAVAILABLE ||
	    (ch->rest != NULL && rest_status(ch->rest) != 0))
		return -1;
	spawn_last_words(vmm->dirfd, ch->log_from, NULL, words, sizeof(words));
	return words[0] == '\0' ? -1
				: error_set(err, EX_UNAVAILABLE, "%s", words);
}

static int
create(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct ch *ch = vmm->own;
	json_t *machine;

	if (taps_make(&ch->taps, vmm->vm, err) == -1)
		return -1;
	machine = ch_machine(vmm->vm, &ch->taps);
	if (machine == NULL) {
		taps_drop(&ch->taps, vmm->vm);
		return error_nomem(err, NULL);
	}
	ch->to_boot = true; /* the taps are dropped by detach from here on */
	return ch_put(vmm, "vm.create", machine, NULL, deadline_ms, err);
}

/* A restore's VM, and where its NICs go. */
struct restoring {
	const struct vm *vm;
	int dirfd;
	const struct taps *taps;
};

/* In a process of its own: what is to be done, and the taps in config.json. */
static int
make_plan(struct ch_texts *out, void *arg, struct error *err)
{
	const struct restoring *r = arg;
	const struct storage *seed = storage_find(&r->vm->machine.disks,
	    STORAGE_CIDATA);
	struct ch_config c;

	if (ch_config_read(&c, r->dirfd, err) == -1)
		return -1;
	out->plan.has_seed = seed != NULL &&
	    ch_config_find_disk(&c, seed->path) != NULL;
	if (r->vm->machine.nics.n == 0)
		return 0;
	return ch_plan_nics(&out->plan, &c, r->vm, r->taps, err) == -1
	    ? -1
	    : ch_take_config(out, &c, err);
}

static int
replace_nic(struct vmm *vmm, const char *id, const char *tap, struct nic *nic,
    int64_t deadline_ms, struct error *err)
{
	if (ch_put(vmm, "vm.remove-device", json_pack("{s:s}", "id", id), NULL,
		deadline_ms, err) == -1 ||
	    ch_put(vmm, "vm.add-net",
		json_pack("{s:s, s:s}", "tap", tap, "mac", nic->mac), NULL,
		deadline_ms, err) == -1)
		return -1;
	nic->is_new = true;
	nic->mac_pending = false;
	return 0;
}

/* A seed that was not saved is added; config.json names what was alone. */
static int
add_seed(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	const struct storage *seed = storage_find(&vmm->vm->machine.disks,
	    STORAGE_CIDATA);
	const struct ch *ch = vmm->own;
	json_t *disk;

	if (seed == NULL || ch->plan.has_seed)
		return 0;
	disk = ch_machine_disk(vmm->vm, seed, 0);
	if (disk == NULL)
		return error_nomem(err, NULL);
	/* Those that were saved have all kinds of ids. */
	json_object_del(disk, "id");
	return ch_put(vmm, "vm.add-disk", disk, NULL, deadline_ms, err);
}

static int
call_restore(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	/* Its working directory is the VM's. */
	if (ch_put(vmm, "vm.restore",
		json_pack("{s:s}", "source_url", "file://."), NULL, deadline_ms,
		err) == -1)
		return -1;
	hook_step("restored");
	return add_seed(vmm, deadline_ms, err);
}

/* By config.json of the VM's directory, into which the taps are written. */
static int
read_plan(struct vmm *vmm, struct error *err)
{
	struct vm *vm = vmm->vm;
	struct ch *ch = vmm->own;
	struct restoring restoring = { vm, vmm->dirfd, &ch->taps };
	struct ch_texts texts;
	int rc = 0;

	if (ch_aside_texts(&texts, make_plan, &restoring, vmm->dirfd, err) ==
	    -1)
		return -1;
	ch->plan = texts.plan;
	if (vm->machine.nics.n > 0)
		rc = ch_write_config(vmm->dirfd, &texts, err);
	free(texts.answer);
	return rc;
}

/*
 * While the program starts: what its restore will need.  Whoever has put the
 * state here a moment ago knows it, but for taps that are made only now.
 */
static int
plan_restore(struct vmm *vmm, struct error *err)
{
	struct vm *vm = vmm->vm;
	struct ch *ch = vmm->own;
	const struct ch_plan *known = vm->of_state;

	if (vm->machine.nics.n == 0 &&
	    storage_find(&vm->machine.disks, STORAGE_CIDATA) == NULL)
		return 0;
	if (taps_make(&ch->taps, vm, err) == -1)
		return -1;
	if (known != NULL && known->is_whole) {
		ch->plan = *known;
		return 0;
	}
	if (read_plan(vmm, err) == 0)
		return 0;
	taps_drop(&ch->taps, vm);
	return -1;
}

static int
restore(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct nic_list *nics = &vmm->vm->machine.nics;
	struct ch *ch = vmm->own;
	size_t i;
	int rc = call_restore(vmm, deadline_ms, err);

	for (i = 0; rc == 0 && i < nics->n; i++)
		if (ch->plan.is_replaced[i])
			rc = replace_nic(vmm, ch->plan.ids[i],
			    ch->taps.names[i], &nics->v[i], deadline_ms, err);
	if (rc == 0 && nics->n > 0)
		rc = taps_give(&ch->taps, vmm->vm, err);
	if (rc == -1 && nics->n > 0)
		taps_drop(&ch->taps, vmm->vm);
	return rc;
}

int
ch_ready(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct ch *ch = vmm->own;
	bool planned = false;

	if (vmm->vm->to_load) {
		if (fill_memory(vmm, err) == -1 || plan_restore(vmm, err) == -1)
			return -1;
		planned = vmm->vm->machine.nics.n > 0;
	}
	if (spawn_connect(&ch->rest, vmm, CH_API_SOCKET, deadline_ms, err) ==
		-1 ||
	    ch_version(vmm, NULL, 0, err) == -1) {
		if (planned)
			taps_drop(&ch->taps, vmm->vm);
		return -1;
	}
	hook_step("answered");
	if ((vmm->vm->to_load ? restore : create)(vmm, deadline_ms, err) == -1)
		return -1;
	hook_step("loaded");
	return 0;
}
