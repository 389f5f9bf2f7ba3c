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
#include "vmm/ch.h"
#include "vmm/console.h"
#include "vmm/spawn.h"

#define TRY_MS 200 /* between two looks whether it still lives */

/* In a file of the VM's own, if nothing else was asked for. */
static int
make_memory(struct spawn_fds *fds, struct vm *vm, int dirfd, struct error *err)
{
	if (!vm->to_load) {
		unlinkat(dirfd, VM_TEMPLATE, 0);
		vm->memory = vm->memory_choice == VM_MEMORY_MEMFD
		    ? VM_MEMORY_MEMFD
		    : VM_MEMORY_FILE;
		if (vm->memory == VM_MEMORY_FILE)
			return spawn_memory_file(vm, dirfd, err);
	}
	return vm->memory == VM_MEMORY_MEMFD
	    ? spawn_memfd(fds, vm, dirfd, CH_FD_MEMORY, err)
	    : 0;
}

static int
run(struct vmm *vmm, const struct spawn_fds *fds, int log_fd, int tty_fd,
    const struct timespec *now, struct error *err)
{
	struct strv argv = { 0 };
	int rc = -1;

	if (strv_add(&argv, err, "%s",
		spawn_program("INSTAR_CLOUD_HYPERVISOR", CH_NAME)) == 0 &&
	    strv_add(&argv, err, "--api-socket") == 0 &&
	    strv_add(&argv, err, "fd=%d", CH_FD_API) == 0)
		rc = spawn_process(vmm, argv.v, fds, log_fd, tty_fd, now, err);
	strv_fini(&argv);
	return rc;
}

int
ch_spawn(struct vmm *vmm, const struct timespec *now, struct error *err)
{
	struct spawn_fds fds = { .n = 0 };
	struct vm *vm = vmm->vm;
	struct proc_id console;
	int log_fd = -1, tty_fd = -1, rc = -1;
	struct ch *ch;

	ch = vmm->own = calloc(1, sizeof(*ch));
	if (ch == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	vm->accel = VM_ACCEL_KVM;
	snprintf(vm->cpu_model, sizeof(vm->cpu_model), "host");
	/* It takes none that is there already. */
	unlinkat(vmm->dirfd, CH_VSOCK, 0);
	if (make_memory(&fds, vm, vmm->dirfd, err) == -1 ||
	    spawn_open_log(&log_fd, &ch->log_from, vmm->dirfd, VM_VMM_LOG,
		err) == -1 ||
	    spawn_listen(&fds, vmm->dirfd, CH_API_SOCKET, CH_FD_API, err) ==
		-1 ||
	    console_start(&tty_fd, &console, vmm->dirfd, &vm->console_from,
		err) == -1)
		goto out;
	rc = run(vmm, &fds, log_fd, tty_fd, now, err);
out:
	fd_drop(&tty_fd);
	fd_drop(&log_fd);
	spawn_drop(&fds);
	return rc;
}

/* In place of "closed the connection" why it did. */
static int
explain(const struct vmm *vmm, struct error *err)
{
	const struct ch *ch = vmm->own;
	char words[ERROR_MSG_MAX - 64];

	if (err == NULL || err->code != EX_UNAVAILABLE ||
	    (ch->rest != NULL && rest_status(ch->rest) != 0))
		return -1;
	spawn_last_words(vmm->dirfd, ch->log_from, words, sizeof(words));
	return words[0] == '\0' ? -1
				: error_set(err, EX_UNAVAILABLE, "%s", words);
}

static int
create(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct ch *ch = vmm->own;
	json_t *machine = ch_machine(vmm->vm);

	if (machine == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	if (ch_put(vmm, "vm.create", machine, NULL, deadline_ms, err) == -1)
		return -1;
	ch->to_boot = true;
	return 0;
}

/*
 * The guest has seen the saved NIC's address and keeps it, so a NIC with
 * another one is another NIC, which takes the saved one's place.
 */
static int
replace_nic(struct vmm *vmm, const struct ch_net *net, struct nic *nic,
    int64_t deadline_ms, struct error *err)
{
	json_t *reply = NULL;

	if (ch_put(vmm, "vm.remove-device", json_pack("{s:s}", "id", net->id),
		NULL, deadline_ms, err) == -1 ||
	    ch_put(vmm, "vm.add-net",
		json_pack("{s:s, s:s}", "tap", nic->ifname, "mac", nic->mac),
		&reply, deadline_ms, err) == -1)
		return -1;
	json_decref(reply);
	nic->is_new = true;
	return 0;
}

/* Those that were given a tap of nobody's for the time being. */
static int
replace_nics(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct nic_list *nics = &vmm->vm->nics;
	char spare[NIC_IFNAME_MAX + 1];
	struct ch_config c;
	size_t i;
	int rc = 0;

	if (nics->n == 0)
		return 0;
	if (ch_config_read(&c, vmm->dirfd, err) == -1)
		return -1;
	for (i = 0; rc == 0 && i < nics->n && i < c.nets_n; i++) {
		ch_spare_tap(spare, vmm->vm, i);
		if (c.nets[i].tap != NULL && strcmp(c.nets[i].tap, spare) == 0)
			rc = replace_nic(vmm, &c.nets[i], &nics->v[i],
			    deadline_ms, err);
	}
	ch_config_fini(&c);
	return rc;
}

static int
restore(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	/* Its working directory is the VM's. */
	if (ch_put(vmm, "vm.restore",
		json_pack("{s:s}", "source_url", "file://."), NULL, deadline_ms,
		err) == -1)
		return -1;
	hook_step("restored");
	return replace_nics(vmm, deadline_ms, err);
}

/* Connected, or the process has ended and will never listen. */
static int
connect_to(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct ch *ch = vmm->own;
	int64_t try_ms;

	for (;;) {
		try_ms = clock_ms() + TRY_MS;
		if (rest_open(&ch->rest, vmm->dirfd, CH_API_SOCKET,
			try_ms < deadline_ms ? try_ms : deadline_ms, err) == 0)
			return 0;
		if (sig_check(err) == -1 || !vm_is_alive(vmm->vm) ||
		    clock_left(deadline_ms) == 0)
			return -1;
	}
}

static int
make_ready(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	if (connect_to(vmm, deadline_ms, err) == -1 ||
	    ch_version(vmm, NULL, 0, err) == -1)
		return -1;
	hook_step("answered");
	if ((vmm->vm->to_load ? restore : create)(vmm, deadline_ms, err) == -1)
		return -1;
	hook_step("loaded");
	return 0;
}

int
ch_ready(struct vmm *vmm, struct error *err)
{
	int64_t deadline_ms = clock_ms() + VMM_START_MS;

	if (make_ready(vmm, deadline_ms, err) == 0) {
		/* It has its own by now, and nothing else needs it. */
		if (vmm->vm->memory == VM_MEMORY_MEMFD)
			unlinkat(vmm->dirfd, VM_TEMPLATE, 0);
		return 0;
	}
	if (sig_check(NULL) == -1)
		sig_shield();
	vmm_kill(vmm->vm, 0, NULL);
	return explain(vmm, err);
}
