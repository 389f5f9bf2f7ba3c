/* SPDX-License-Identifier: ISC */
/*
 * Firecracker writes the memory itself, inside the pause.  A Diff has only the
 * pages that were written since the boot, load or last snapshot, and is laid
 * over the memory of before, which the VM's directory has a link to.  What was
 * written by one that came to nothing is missing in the next: the record says
 * so from before each until it is part of a snapshot, and the one after that
 * is Full.
 */
#include "vmm/fc/fc.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "disk/copy.h"
#include "state/inplace.h"
#include "vmm/host/handover.h"

#define DIFF "diff" /* in the temporary directory, in place of FC_MEMORY */
#define NAME_MAX_BYTES                                                         \
	(HANDOVER_PATH_MAX + 16) /* of "<temporary>/vmstate", with the NUL */

/*
 * Holes are pages that were not written; where the filesystem has larger ones,
 * a hole beside data cannot be told from zeros.
 */
static bool
has_page_holes(int dirfd)
{
	struct stat st;

	return fstatat(dirfd, FC_LOG, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_blksize <= sysconf(_SC_PAGESIZE);
}

int
fc_settle(struct vmm *vmm, const struct timespec *now, struct error *err)
{
	struct fc *fc = vmm->own;
	struct vm *vm = vmm->vm;

	fc->is_diff = !vm->diff_base_lost && has_page_holes(vmm->dirfd);
	if (vm->diff_base_lost) {
		/*
		 * An earlier save that is still being sealed must not find its
		 * own memory there: once this one was made, no Diff fits it.
		 */
		if (unlinkat(vmm->dirfd, FC_SAVED, 0) == -1 && errno != ENOENT)
			return error_sys(err, error_code_of(errno), FC_SAVED);
		return 0;
	}
	vm->diff_base_lost = true;
	return vm_write(vm, vmm->dirfd, true, now, err);
}

/*
 * Into a directory of its own, so that no file is there already: Firecracker
 * would write into it in place.
 */
int
fc_state_save(struct vmm *vmm, const char *name, struct error *err)
{
	const struct fc *fc = vmm->own;
	char dir[HANDOVER_PATH_MAX], state[NAME_MAX_BYTES],
	    memory[NAME_MAX_BYTES];

	vmm_state_drop(vmm->dirfd, name);
	handover_path(dir, vmm->dirfd, name);
	if (mkdirat(vmm->dirfd, dir, 0700) == -1)
		return error_sys(err, error_code_of(errno), "%s", dir);
	snprintf(state, sizeof(state), "%s/" FC_STATE, dir);
	snprintf(memory, sizeof(memory), "%s/%s", dir,
	    fc->is_diff ? DIFF : FC_MEMORY);
	if (fc_call(vmm, "PUT", "/snapshot/create",
		json_pack("{s:s, s:s, s:s}", "snapshot_type",
		    fc->is_diff ? "Diff" : "Full", "snapshot_path", state,
		    "mem_file_path", memory),
		NULL, clock_ms() + FC_SAVE_MS, err) == -1)
		return -1;
	return handover_take(vmm->dirfd, name, err);
}

/* What the Diff is laid over; NULL: it is the first since a boot. */
static const char *
find_base(const struct vm *vm, int dirfd)
{
	if (fd_exists(dirfd, FC_SAVED))
		return FC_SAVED;
	return vm->memory == VM_MEMORY_TEMPLATE ? VM_TEMPLATE : NULL;
}

static int
check_memory(const struct vm *vm, int dirfd, const char *name,
    struct error *err)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_sys(err, EX_IOERR, "%s", name);
	if ((uint64_t)st.st_size == vm->machine.memory_bytes)
		return 0;
	return error_set(err, EX_IOERR,
	    "%s: Firecracker wrote %" PRIu64 " bytes, the guest has %" PRIu64,
	    name, (uint64_t)st.st_size, vm->machine.memory_bytes);
}

/* The pages of the Diff over a reflink or copy of the base. */
static int
lay_over(const struct vm *vm, int dirfd, int from_dirfd, const char *base,
    int to_dirfd, struct error *err)
{
	int to = -1, from = -1, rc = -1;

	if (inplace_copy(to_dirfd, FC_MEMORY, vm->depends_on, dirfd, base,
		COPY_MAY_REFLINK, err) == -1)
		return -1;
	if (check_memory(vm, to_dirfd, FC_MEMORY, err) == 0 &&
	    fd_open_file(&to, NULL, to_dirfd, FC_MEMORY, O_RDWR, err) == 0 &&
	    fd_open_file(&from, NULL, from_dirfd, DIFF, O_RDONLY, err) == 0)
		rc = copy_again(to, from, vm->machine.memory_bytes, FC_MEMORY,
		    err);
	fd_drop(&from);
	fd_drop(&to);
	return rc;
}

static int
move_file(int to_dirfd, const char *to, int from_dirfd, const char *from,
    struct error *err)
{
	if (fchmodat(from_dirfd, from, 0600, 0) == -1 ||
	    renameat(from_dirfd, from, to_dirfd, to) == -1)
		return error_sys(err, EX_IOERR, "%s", from);
	return 0;
}

static int
finish_memory(const struct vm *vm, int dirfd, int from_dirfd, int to_dirfd,
    struct error *err)
{
	const char *base;

	if (!fd_exists(from_dirfd, DIFF))
		return check_memory(vm, from_dirfd, FC_MEMORY, err) == -1
		    ? -1
		    : move_file(to_dirfd, FC_MEMORY, from_dirfd, FC_MEMORY,
			  err);
	if (check_memory(vm, from_dirfd, DIFF, err) == -1)
		return -1;
	base = find_base(vm, dirfd);
	if (base == NULL)
		return move_file(to_dirfd, FC_MEMORY, from_dirfd, DIFF, err);
	return lay_over(vm, dirfd, from_dirfd, base, to_dirfd, err);
}

int
fc_state_finish(const struct vm *vm, int dirfd, const char *name, int to_dirfd,
    struct error *err)
{
	int from_dirfd, rc = -1;

	if (fd_open_dir(&from_dirfd, dirfd, name, false, err) == -1)
		return -1;
	if (finish_memory(vm, dirfd, from_dirfd, to_dirfd, err) == 0)
		rc = move_file(to_dirfd, FC_STATE, from_dirfd, FC_STATE, err);
	fd_drop(&from_dirfd);
	if (rc == -1)
		return -1;
	hook_step("diff-laid");
	/* Where it cannot be linked the next one is Full. */
	unlinkat(dirfd, FC_SAVED, 0);
	if (linkat(to_dirfd, FC_MEMORY, dirfd, FC_SAVED, 0) == -1)
		unlinkat(dirfd, FC_SAVED, 0);
	return 0;
}

/* Another save may have been between: then its memory has the name. */
int
fc_state_published(struct vm *vm, int dirfd, int snap_dirfd, struct error *err)
{
	struct stat ours, its;

	(void)err;
	if (fstatat(dirfd, FC_SAVED, &ours, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(snap_dirfd, FC_MEMORY, &its, AT_SYMLINK_NOFOLLOW) == 0 &&
	    ours.st_dev == its.st_dev && ours.st_ino == its.st_ino)
		vm->diff_base_lost = false;
	return 0;
}
