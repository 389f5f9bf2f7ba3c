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
	    console_open(&console, vmm->dirfd, &vm->console_from, err) == -1)
		goto out;
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
		return error_set(err, EX_OSERR, "out of memory");
	}
	ch->to_boot = true; /* the taps are dropped by detach from here on */
	return ch_put(vmm, "vm.create", machine, NULL, deadline_ms, err);
}

/*
 * The guest has seen the saved NIC's address and keeps it, so a NIC with
 * another one is another NIC, which takes the saved one's place.
 */
static bool
is_replaced(const struct ch_config *c, const struct nic_list *nics, size_t i)
{
	return strcasecmp(c->nets[i].mac, nics->v[i].mac) != 0;
}

static int
replace_nic(struct vmm *vmm, const char *id, const char *tap, struct nic *nic,
    int64_t deadline_ms, struct error *err)
{
	json_t *reply = NULL;

	if (ch_put(vmm, "vm.remove-device", json_pack("{s:s}", "id", id), NULL,
		deadline_ms, err) == -1 ||
	    ch_put(vmm, "vm.add-net",
		json_pack("{s:s, s:s}", "tap", tap, "mac", nic->mac), &reply,
		deadline_ms, err) == -1)
		return -1;
	json_decref(reply);
	nic->is_new = true;
	return 0;
}

/*
 * Names the NICs' taps in config.json; one that will be replaced has a tap of
 * nobody's for the time being.
 */
static int
name_taps(struct vmm *vmm, struct ch_config *c, const struct taps *taps,
    struct error *err)
{
	const struct nic_list *nics = &vmm->vm->nics;
	char spare[NIC_IFNAME_MAX + 1];
	size_t i;

	for (i = 0; i < c->nets_n; i++) {
		ch_spare_tap(spare, vmm->vm, i);
		if (ch_config_set_net(c, &c->nets[i],
			is_replaced(c, nics, i) ? spare : taps->names[i],
			c->nets[i].mac, err) == -1)
			return -1;
	}
	return ch_write_config(vmm->dirfd, c, err);
}

/* A seed that was not saved is added; config.json names what was alone. */
static int
add_seed(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	const struct storage *seed = storage_find(&vmm->vm->disks,
	    STORAGE_CIDATA);
	json_t *disk, *reply = NULL;
	struct ch_config c;
	bool is_saved;
	int rc;

	if (seed == NULL)
		return 0;
	if (ch_config_read(&c, vmm->dirfd, err) == -1)
		return -1;
	is_saved = ch_config_find_disk(&c, seed->path) != NULL;
	ch_config_fini(&c);
	if (is_saved)
		return 0;
	disk = ch_machine_disk(vmm->vm, seed, 0);
	if (disk == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	/* Those that were saved have all kinds of ids. */
	json_object_del(disk, "id");
	rc = ch_put(vmm, "vm.add-disk", disk, &reply, deadline_ms, err);
	json_decref(reply);
	return rc;
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

static int
restore_with(struct vmm *vmm, struct ch_config *c, const struct taps *taps,
    int64_t deadline_ms, struct error *err)
{
	struct nic_list *nics = &vmm->vm->nics;
	size_t i;

	if (c->nets_n != nics->n)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %zu NICs, the VM has %zu", c->nets_n,
		    nics->n);
	if (name_taps(vmm, c, taps, err) == -1 ||
	    call_restore(vmm, deadline_ms, err) == -1)
		return -1;
	for (i = 0; i < nics->n; i++)
		if (is_replaced(c, nics, i) &&
		    replace_nic(vmm, c->nets[i].id, taps->names[i], &nics->v[i],
			deadline_ms, err) == -1)
			return -1;
	return taps_give(taps, vmm->vm, err);
}

static int
restore(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct ch_config c;
	struct taps taps;
	int rc;

	if (vmm->vm->nics.n == 0)
		return call_restore(vmm, deadline_ms, err);
	if (taps_make(&taps, vmm->vm, err) == -1)
		return -1;
	rc = ch_config_read(&c, vmm->dirfd, err);
	if (rc == 0) {
		rc = restore_with(vmm, &c, &taps, deadline_ms, err);
		ch_config_fini(&c);
	}
	if (rc == -1)
		taps_drop(&taps, vmm->vm);
	return rc;
}

int
ch_ready(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct ch *ch = vmm->own;

	if (spawn_connect(&ch->rest, vmm, CH_API_SOCKET, deadline_ms, err) ==
		-1 ||
	    ch_version(vmm, NULL, 0, err) == -1)
		return -1;
	hook_step("answered");
	if ((vmm->vm->to_load ? restore : create)(vmm, deadline_ms, err) == -1)
		return -1;
	hook_step("loaded");
	return 0;
}
