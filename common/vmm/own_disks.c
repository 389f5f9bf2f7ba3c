/* SPDX-License-Identifier: ISC */
#include "vmm/own_disks.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "vmm/overlay.h"
#include "vmm/vmm.h"

static int
go_on_in_overlay(struct vm_at *at, struct storage *disk,
    const struct timespec *now, struct error *err)
{
	char *overlay;
	int rc;

	if (chain_next_name(&overlay, disk->path, chain_overlay(), err) == -1)
		return -1;
	rc = overlay_make(at->dirfd, disk->path, overlay, err);
	if (rc == 0)
		rc = overlay_push(disk, overlay, err);
	if (rc == 0)
		rc = vm_at_write(at, true, now, err);
	free(overlay);
	return rc;
}

/* A reflink takes the file's place, whose bytes the other link keeps. */
static int
go_on_in_reflink(const struct vm_at *at, const char *file, struct error *err)
{
	char beside[64];
	int rc = -1;

	snprintf(beside, sizeof(beside), ".own.%ld", (long)getpid());
	if (copy_file(NULL, at->dirfd, beside, at->dirfd, file,
		COPY_MAY_REFLINK, err) == -1)
		return -1;
	hook_step("own-copied");
	if (renameat(at->dirfd, beside, at->dirfd, file) == -1) {
		error_sys(err, error_code_of(errno), "%s", file);
		unlinkat(at->dirfd, beside, 0);
	} else {
		rc = fd_sync_dir(at->dirfd, file, err);
	}
	return rc;
}

static int
own_one(struct vm_at *at, struct storage *disk, const struct timespec *now,
    struct error *err)
{
	struct stat st;

	if (fstatat(at->dirfd, disk->path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_sys(err, EX_IOERR, "%s", disk->path);
	if (st.st_nlink <= 1)
		return 0;
	if (copy_can_reflink(at->dirfd))
		return go_on_in_reflink(at, disk->path, err);
	if (vmm_traits(at->vm.machine.hypervisor)->can_switch &&
	    disk->backing.n + 1 < STORAGE_CHAIN_MAX)
		return go_on_in_overlay(at, disk, now, err);
	return error_set(err, EX_NOPERM,
	    "%s: has %ju links, and may be a snapshot's: state-gc removes what "
	    "a killed vm-set left; else give the VM a copy of its own",
	    disk->path, (uintmax_t)st.st_nlink);
}

int
own_disks(struct vm_at *at, const struct timespec *now, struct error *err)
{
	size_t i;

	for (i = 0; i < at->vm.machine.disks.n; i++)
		if (!at->vm.machine.disks.v[i].ro &&
		    own_one(at, &at->vm.machine.disks.v[i], now, err) == -1)
			return -1;
	return 0;
}

int
own_disks_storage(struct vm *vm, int dirfd, struct error *err)
{
	const struct storage *disk;
	size_t i;

	for (i = 0; i < vm->machine.disks.n; i++) {
		disk = &vm->machine.disks.v[i];
		if (disk->role == STORAGE_COW)
			return chain_disk_bytes(&vm->machine.storage_bytes,
			    chain_format(disk->path), dirfd, disk->path, err);
	}
	return 0;
}
