/* SPDX-License-Identifier: ISC */
/* Firecracker started, and given a machine to boot or a state to load. */
#include "vmm/fc/fc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/num.h"
#include "base/sig.h"
#include "base/strv.h"
#include "vmm/fc/fc_arch.h"
#include "vmm/fc/fc_space.h"
#include "vmm/host/console.h"
#include "vmm/host/spawn.h"

#define FD_LOCK 3 /* and above: a descriptor for each disk */
_Static_assert(STORAGE_MAX <= SPAWN_FDS_MAX &&
	FD_LOCK + STORAGE_MAX - 1 <= PROC_NUMBER_MAX,
    "a lock for each disk");

/* Firecracker keeps its place in the file: it gets one of its own. */
static int
make_log(int dirfd, struct error *err)
{
	int fd;

	if (unlinkat(dirfd, FC_LOG, 0) == -1 && errno != ENOENT)
		return error_sys(err, error_code_of(errno), FC_LOG);
	fd = openat(dirfd, FC_LOG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), FC_LOG);
	fd_drop(&fd);
	return 0;
}

/* What an earlier process left behind would stop this one. */
static int
clear_way(struct vm *vm, int dirfd, struct error *err)
{
	static const char *const stale[] = { FC_API_SOCKET, FC_SAVED,
		FC_VSOCK };
	size_t i;

	for (i = 0; i < sizeof(stale) / sizeof(stale[0]); i++)
		if (unlinkat(dirfd, stale[i], 0) == -1 && errno != ENOENT)
			return error_sys(err, error_code_of(errno), "%s",
			    stale[i]);
	if (!vm->to_load)
		unlinkat(dirfd, VM_TEMPLATE, 0);
	vm->diff_base_lost = false;
	vm->accel = VM_ACCEL_KVM;
	if (!vm->to_load)
		vm->memory = VM_MEMORY_PRIVATE;
	return make_log(dirfd, err);
}

/* Where the kernel has no such locks there are none. */
static int
lock_disk(int fd, const struct storage *disk, struct error *err)
{
	struct flock lock = { .l_type = disk->ro ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0 ||
	    (errno != EAGAIN && errno != EACCES))
		return 0;
	return error_set(err, EX_TEMPFAIL, "%s: another process uses it",
	    disk->path);
}

static int
compare_paths(const void *a, const void *b)
{
	const struct storage *const *p = a, *const *q = b;

	return strcmp((*p)->path, (*q)->path);
}

/*
 * Firecracker locks no disk.  What it inherits does: descriptors that it does
 * not know, and whose locks end with it.  They are taken in the order of their
 * paths: of two VMs that want the same disks one gets them all.
 */
static int
hand_locks(struct spawn_fds *fds, const struct vmm *vmm, struct error *err)
{
	const struct storage_list *disks = &vmm->vm->machine.disks;
	const struct storage *sorted[STORAGE_MAX], *disk;
	size_t i;
	int fd;

	for (i = 0; i < disks->n; i++)
		sorted[i] = &disks->v[i];
	qsort(sorted, disks->n, sizeof(sorted[0]), compare_paths);
	for (i = 0; i < disks->n; i++) {
		disk = sorted[i];
		/* A layer may be a symbolic link. */
		fd = openat(vmm->dirfd, disk->path,
		    disk->ro ? O_RDONLY | O_CLOEXEC
			     : O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1)
			return error_sys(err, error_code_of(errno), "%s",
			    disk->path);
		spawn_hand(fds, fd, FD_LOCK + (int)i);
		if (lock_disk(fd, disk, err) == -1)
			return -1;
	}
	return 0;
}

int
fc_spawn(struct vmm *vmm, const struct timespec *now, struct error *err)
{
	struct spawn_fds fds = { .n = 0 };
	struct fc_space space = { 0 };
	struct strv argv = { 0 };
	struct vm *vm = vmm->vm;
	struct console_parts console = CONSOLE_NONE;
	int log_fd = -1, rc = -1;
	struct fc *fc;

	fc = vmm->own = calloc(1, sizeof(*fc));
	if (fc == NULL)
		return error_nomem(err, NULL);
	if (clear_way(vm, vmm->dirfd, err) == -1)
		return -1;
	if (vm->to_load && fc_space_is_needed(vm)) {
		if (fc_space_prepare(&space, vm, vmm->dirfd, err) == -1)
			return -1;
		fds.enter = fc_space_enter;
		fds.arg = &space;
	}
	if (spawn_open_log(&log_fd, &fc->log_from, vmm->dirfd, VM_VMM_LOG,
		err) == -1 ||
	    console_open(&console, CONSOLE_TERMINAL, vm, vmm->dirfd, err) ==
		-1 ||
	    strv_add(&argv, err, "%s", fc_program()) == -1 ||
	    strv_add(&argv, err, "--api-sock") == -1 ||
	    strv_add(&argv, err, FC_API_SOCKET) == -1 ||
	    strv_add(&argv, err, "--id") == -1 ||
	    strv_add(&argv, err, "%s", vm->id) == -1 ||
	    strv_add(&argv, err, "--log-path") == -1 ||
	    strv_add(&argv, err, FC_LOG) == -1 ||
	    strv_add(&argv, err, "--level") == -1 ||
	    strv_add(&argv, err, "Warning") == -1 ||
	    hand_locks(&fds, vmm, err) == -1)
		goto out;
	fds.needs = (struct cage_needs){ .log = FC_LOG,
		.makes_sockets = true,
		.opens_taps = vm->machine.nics.n > 0,
		.finds_disks = fds.enter != NULL };
	rc = spawn_process(vmm, argv.v, &fds, log_fd, &console, now, err);
out:
	spawn_drop(&fds);
	fc_space_fini(&space);
	strv_fini(&argv);
	console_drop(&console);
	fd_drop(&log_fd);
	return rc;
}

static int
put_machine(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	const struct vm *vm = vmm->vm;
	json_t *boot;

	/* With dirty pages tracked a Diff is exact. */
	if (fc_call(vmm, "PUT", "/machine-config",
		json_pack("{s:I, s:I, s:b, s:b}", "vcpu_count",
		    (json_int_t)vm->machine.cpu, "mem_size_mib",
		    (json_int_t)(vm->machine.memory_bytes / NUM_MIB), "smt", 0,
		    "track_dirty_pages", 1),
		NULL, deadline_ms, err) == -1)
		return -1;
	boot = json_pack("{s:s, s:s}", "kernel_image_path", VM_KERNEL,
	    "boot_args",
	    vm->machine.cmdline == NULL ? FC_ARCH.cmdline
					: vm->machine.cmdline);
	if (vm->machine.boot[MACHINE_INITRD] != NULL &&
	    json_put_str(boot, "initrd_path", VM_INITRD, err) == -1) {
		json_decref(boot);
		return -1;
	}
	return fc_call(vmm, "PUT", "/boot-source", boot, NULL, deadline_ms,
	    err);
}

/* By plain names: a clone's process finds its own files by the same ones. */
static int
put_drives(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	const struct storage_list *disks = &vmm->vm->machine.disks;
	char id[FC_ID_MAX], path[48];
	size_t i;

	for (i = 0; i < disks->n; i++) {
		snprintf(id, sizeof(id), "drive_%zu", i);
		snprintf(path, sizeof(path), "/drives/%s", id);
		if (fc_call(vmm, "PUT", path,
			json_pack("{s:s, s:s, s:b, s:b, s:s}", "drive_id", id,
			    "path_on_host", disks->v[i].path, "is_root_device",
			    0, "is_read_only", (int)disks->v[i].ro,
			    "cache_type",
			    disks->v[i].ro ? "Unsafe" : "Writeback"),
			NULL, deadline_ms, err) == -1)
			return -1;
	}
	return 0;
}

static int
put_nics(struct vmm *vmm, const struct taps *taps, int64_t deadline_ms,
    struct error *err)
{
	const struct nic_list *nics = &vmm->vm->machine.nics;
	char id[FC_ID_MAX], path[64];
	size_t i;

	for (i = 0; i < nics->n; i++) {
		fc_nic_id(id, i);
		snprintf(path, sizeof(path), "/network-interfaces/%s", id);
		if (fc_call(vmm, "PUT", path,
			json_pack("{s:s, s:s, s:s}", "iface_id", id,
			    "host_dev_name", taps->names[i], "guest_mac",
			    nics->v[i].mac),
			NULL, deadline_ms, err) == -1)
			return -1;
	}
	return 0;
}

/* By a plain name, too. */
static int
put_vsock(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	if (!vmm->vm->machine.agent)
		return 0;
	return fc_call(vmm, "PUT", "/vsock",
	    json_pack("{s:i, s:s}", "guest_cid", FC_CID, "uds_path", FC_VSOCK),
	    NULL, deadline_ms, err);
}

/* The machine, which stands still until the first resume. */
static int
configure(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct fc *fc = vmm->own;
	struct taps taps;

	if (put_machine(vmm, deadline_ms, err) == -1 ||
	    put_drives(vmm, deadline_ms, err) == -1 ||
	    fc_call(vmm, "PUT", "/entropy", json_object(), NULL, deadline_ms,
		err) == -1 ||
	    put_vsock(vmm, deadline_ms, err) == -1 ||
	    taps_make(&taps, vmm->vm, err) == -1)
		return -1;
	if (put_nics(vmm, &taps, deadline_ms, err) == -1 ||
	    taps_give(&taps, vmm->vm, err) == -1) {
		taps_drop(&taps, vmm->vm);
		return -1;
	}
	fc->is_new = true;
	return 0;
}

int
fc_ready(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct fc *fc = vmm->own;

	if ((vmm->vm->to_load && fc_look_ahead(vmm, err) == -1) ||
	    spawn_connect(&fc->rest, vmm, FC_API_SOCKET, deadline_ms, err) ==
		-1 ||
	    fc_ask_version(vmm, NULL, 0, deadline_ms, err) == -1)
		return -1;
	hook_step("answered");
	if ((vmm->vm->to_load ? fc_load(vmm, deadline_ms, err)
			      : configure(vmm, deadline_ms, err)) == -1)
		return -1;
	hook_step("loaded");
	return 0;
}

/* A process that never answered has said why, if anything, in its log. */
int
fc_explain(const struct vmm *vmm, struct error *err)
{
	const struct fc *fc = vmm->own;
	char words[ERROR_MSG_MAX - 64];

	if (err == NULL || fc->rest != NULL || err->code != EX_UNAVAILABLE)
		return -1;
	spawn_last_words(vmm->dirfd, fc->log_from, NULL, words, sizeof(words));
	if (words[0] == '\0')
		return error_wrap(err, "Firecracker has ended");
	return error_set(err, EX_UNAVAILABLE, "Firecracker: %s", words);
}
