/* SPDX-License-Identifier: ISC */
#include "vmtarget.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hook.h"
#include "base/path.h"
#include "disk/chain.h"

#define SECTOR_BYTES 512
#define VMTARGET_WAIT_MS 2000 /* for the VM's lock */

static int
find_disk(struct vmtarget *t, const char *name, struct error *err)
{
	const struct storage_list *disks = &t->at.vm.machine.disks;

	t->disk = strcmp(name, "cow") == 0 ? storage_find(disks, STORAGE_COW)
					   : storage_find_serial(disks, name);
	if (t->disk == NULL)
		return error_set(err, EX_NOINPUT, "no disk %s", name);
	if (t->disk->ro)
		return error_set(err, EX_NOPERM, "disk %s is read-only", name);
	return 0;
}

/* "cow.raw" stays, unless others have it; "cow.2.qcow2" becomes "cow.3.raw". */
static int
name_image(struct vmtarget *t, struct error *err)
{
	const char *top = t->disk->path;
	char *next = NULL;

	t->top = path_format("%s/%s", t->at.dir, top);
	if (chain_format(top)->is_flat && t->disk->backing.n == 0 &&
	    vm_find_frozen(&t->at.vm, top) == NULL) {
		t->path = path_format("%s/%s", t->at.dir, top);
	} else {
		if (chain_next_name(&next, top, chain_flat(), err) == -1)
			return -1;
		t->path = path_format("%s/%s", t->at.dir, next);
		free(next);
	}
	if (t->top == NULL || t->path == NULL)
		return error_nomem(err, NULL);
	return 0;
}

static int
check_vm(const struct vm *vm, struct error *err)
{
	if (vm_is_alive(vm))
		return error_set(err, EX_NOPERM, "running; stop it first");
	if (vm->to_load)
		return error_set(err, EX_NOPERM,
		    "its next start loads a state that fits the present disk");
	return 0;
}

int
vmtarget_open(struct vmtarget *out, const char *root, const char *ref,
    const char *disk, struct error *err)
{
	if (root_open_existing(&out->root, root, err) == -1 ||
	    vm_at_open(&out->at, out->root, ref, true,
		clock_ms() + VMTARGET_WAIT_MS, err) == -1)
		return -1;
	if (check_vm(&out->at.vm, err) == -1 ||
	    find_disk(out, disk, err) == -1 || name_image(out, err) == -1)
		return error_wrap(err, "%s", ref);
	return 0;
}

int
vmtarget_check(uint64_t size_bytes, const char *what, struct error *err)
{
	if (size_bytes == 0 || size_bytes % SECTOR_BYTES != 0)
		return error_set(err, EX_DATAERR,
		    "%s: an image of %" PRIu64 " bytes is no disk", what,
		    size_bytes);
	return 0;
}

int
vmtarget_publish(struct vmtarget *t, uint64_t size_bytes, struct error *err)
{
	struct strv old = t->disk->backing;
	char *top = t->disk->path;
	struct timespec now;
	size_t i;
	int rc;

	t->disk->path = strdup(path_base(t->path));
	if (t->disk->path == NULL) {
		t->disk->path = top;
		return error_sys(err, EX_OSERR, "%s", t->path);
	}
	memset(&t->disk->backing, 0, sizeof(t->disk->backing));
	if (t->disk->role == STORAGE_COW)
		t->at.vm.machine.storage_bytes = size_bytes;
	clock_gettime(CLOCK_REALTIME, &now);
	rc = vm_at_write(&t->at, true, &now, err);
	hook_step("restore-recorded");
	/* The record first: it must never name a file that is gone. */
	if (rc == 0 && strcmp(top, t->disk->path) != 0)
		unlinkat(t->at.dirfd, top, 0);
	for (i = 0; rc == 0 && i < old.n; i++)
		if (layer_find(&t->at.vm.machine.layers, old.v[i]) == NULL)
			unlinkat(t->at.dirfd, old.v[i], 0);
	strv_fini(&old);
	free(top);
	return rc;
}

void
vmtarget_close(struct vmtarget *t)
{
	vm_at_close(&t->at);
	root_close(t->root);
	free(t->top);
	free(t->path);
}
