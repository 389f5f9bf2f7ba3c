/* SPDX-License-Identifier: ISC */
#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/num.h"
#include "base/rfc3339.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "disk/fs.h"
#include "foreign/kernel.h"
#include "vmm/vmm.h"

#include "data.h"
#include "input.h"

#define COW_RAW "cow.raw"

void
plan_init(struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	vm_init(&plan->vm);
}

void
plan_fini(struct plan *plan)
{
	flash_fini(&plan->firmware);
	strv_fini(&plan->layers);
	datadisk_list_fini(&plan->data);
	storage_list_fini(&plan->ready);
	vm_seed_fini(&plan->seed);
	vm_fini(&plan->vm);
}

/* Puts a shared disk into layer/ and links it into the VM as `name`. */
static int
take_layer(struct plan *plan, const struct root_new *n, const char *name,
    const char *path, struct error *err)
{
	struct layer layer = { 0 };
	char *text = NULL, *absolute = NULL;
	uint64_t size;
	int fd, rc = -1;

	if (input_open_filled(&fd, &size, path, err) == -1)
		return -1;
	fd_drop(&fd);
	text = strdup(name);
	absolute = realpath(path, NULL);
	if (text == NULL || absolute == NULL) {
		error_sys(err, EX_NOINPUT, "%s", path);
		goto out;
	}
	layer.name = text;
	layer.path = absolute;
	if (root_layer_add(&layer.digest, &layer.size_bytes, n->root, AT_FDCWD,
		absolute, err) == -1 ||
	    root_layer_link(n->root, &layer.digest, n->dirfd, name, err) == -1)
		goto out;
	rc = layer_list_add(&plan->vm.machine.layers, &layer, err);
out:
	free(absolute);
	free(text);
	return rc;
}

static int
add_disk(struct plan *plan, const char *path, enum storage_role role,
    const char *serial, const char *backing, struct error *err)
{
	struct storage disk = { .role = role, .ro = role == STORAGE_LAYER };
	char *name = strdup(path);
	int rc = -1;

	if (name == NULL)
		return error_nomem(err, NULL);
	disk.path = name;
	snprintf(disk.serial, sizeof(disk.serial), "%s", serial);
	if (backing == NULL || strv_add(&disk.backing, err, "%s", backing) == 0)
		rc = storage_list_add(&plan->vm.machine.disks, &disk, err);
	strv_fini(&disk.backing);
	free(name);
	return rc;
}

static int
build_layers(struct plan *plan, const struct root_new *n, struct error *err)
{
	char name[STORAGE_SERIAL_MAX + 1];
	unsigned i;

	for (i = 0; i < plan->layers.n; i++) {
		snprintf(name, sizeof(name), "layer%u", i);
		if (take_layer(plan, n, name, plan->layers.v[i], err) == -1 ||
		    add_disk(plan, name, STORAGE_LAYER, name, NULL, err) == -1)
			return -1;
	}
	return 0;
}

/* An empty file of `size` bytes in the VM's directory; *fd to write it. */
static int
make_file(int *fd, int dirfd, const char *name, struct error *err)
{
	*fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	return 0;
}

/* cow.raw from nothing: sparse, ext4. */
static int
build_empty(struct plan *plan, const struct root_new *n, struct error *err)
{
	int fd, rc;

	if (make_file(&fd, n->dirfd, COW_RAW, err) == -1)
		return -1;
	rc = ftruncate(fd, (off_t)plan->vm.machine.storage_bytes) == -1
	    ? error_sys(err, EX_IOERR, COW_RAW)
	    : fs_make_ext4(n->dirfd, COW_RAW, 0, err);
	fd_drop(&fd);
	return rc == -1 ? -1
			: add_disk(plan, COW_RAW, STORAGE_COW,
			      STORAGE_COW_SERIAL, NULL, err);
}

/* What a base is by its content, and the size of its disk. */
static int
look_at_base(const struct chain_format **format, uint64_t *bytes, int fd,
    uint64_t size, const char *path, struct error *err)
{
	if (size == 0)
		return error_set(err, EX_NOINPUT, "%s: empty", path);
	/* A base that leans on a file of its own could lean on any of yours. */
	if (chain_recognize(format, fd, size, path, err) == -1 ||
	    (*format)->check(fd, size, 0, NULL, path, err) == -1)
		return -1;
	return (*format)->disk_bytes(bytes, fd, size, path, err);
}

/*
 * cow.raw as a reflink of a raw base, for a hypervisor without overlays else as
 * a copy; 1: neither.
 */
static int
copy_base(struct plan *plan, const struct root_new *n, int base, uint64_t bytes,
    struct error *err)
{
	bool can_overlay = vmm_traits(plan->vm.machine.hypervisor)->can_overlay;
	int fd, rc = 0;

	if (make_file(&fd, n->dirfd, COW_RAW, err) == -1)
		return -1;
	if (copy_reflink(fd, base, plan->base, NULL) == -1)
		rc = can_overlay ? 1
				 : copy_extents(fd, base, bytes, NULL, NULL,
				       plan->base, err);
	if (rc == 1)
		unlinkat(n->dirfd, COW_RAW, 0);
	if (rc == 0 &&
	    ftruncate(fd, (off_t)plan->vm.machine.storage_bytes) == -1)
		rc = error_sys(err, EX_IOERR, COW_RAW);
	if (rc == 0)
		rc = add_disk(plan, COW_RAW, STORAGE_COW, STORAGE_COW_SERIAL,
		    NULL, err);
	fd_drop(&fd);
	return rc;
}

/* An overlay over the base, which becomes a layer. */
static int
overlay_base(struct plan *plan, const struct root_new *n,
    const struct chain_format *format, struct error *err)
{
	char name[32], overlay[32];
	int fd, rc;

	snprintf(name, sizeof(name), "base%s", format->suffix);
	chain_first_name(overlay, sizeof(overlay), "cow", chain_overlay());
	if (take_layer(plan, n, name, plan->base, err) == -1 ||
	    make_file(&fd, n->dirfd, overlay, err) == -1)
		return -1;
	rc = chain_write_overlay(fd, plan->vm.machine.storage_bytes, name,
	    overlay, err);
	fd_drop(&fd);
	return rc == -1 ? -1
			: add_disk(plan, overlay, STORAGE_COW,
			      STORAGE_COW_SERIAL, name, err);
}

static int
build_on_base(struct plan *plan, const struct root_new *n, struct error *err)
{
	uint64_t size, bytes;
	const struct chain_format *format;
	int fd, rc = -1;

	if (input_open(&fd, &size, plan->base, err) == -1)
		return -1;
	if (look_at_base(&format, &bytes, fd, size, plan->base, err) == -1)
		goto out;
	if (plan->vm.machine.storage_bytes == 0)
		plan->vm.machine.storage_bytes = num_round_up(bytes, 512);
	if (plan->vm.machine.storage_bytes < bytes) {
		error_set(err, EX_USAGE,
		    "--storage: smaller than the base of %llu bytes",
		    (unsigned long long)bytes);
		goto out;
	}
	if (format->is_flat)
		rc = copy_base(plan, n, fd, bytes, err);
	else
		rc = vmm_traits(plan->vm.machine.hypervisor)->can_overlay
		    ? 1
		    : error_set(err, EX_USAGE, "--base %s: %s reads no %s",
			  plan->base, plan->vm.machine.hypervisor,
			  format->name);
	if (rc == 1)
		rc = overlay_base(plan, n, format, err);
out:
	fd_drop(&fd);
	return rc;
}

/* A seed for cloud-init, when an option or a disk to mount asks for one. */
static int
build_seed(struct plan *plan, const struct root_new *n, struct error *err)
{
	const struct storage_list *disks = &plan->vm.machine.disks;
	bool wanted = plan->wants_seed;
	size_t i;

	for (i = 0; i < disks->n; i++)
		wanted = wanted || disks->v[i].mount_point != NULL;
	if (!wanted || plan->no_seed)
		return 0;
	if (vm_seed_write(&plan->seed, n->dirfd, err) == -1)
		return -1;
	return vm_seed_make(&plan->vm, n->dirfd, err);
}

/* Unpacked here: tools that only start a guest need no unpackers then. */
static int
build_kernel(const struct plan *plan, const struct root_new *n,
    struct error *err)
{
	if (input_copy(n->dirfd, VM_KERNEL, plan->kernel, err) == -1)
		return -1;
	return vmm_traits(plan->vm.machine.hypervisor)->needs_elf
	    ? kernel_make_plain(n->dirfd, VM_KERNEL, "--kernel", err)
	    : 0;
}

static int
build_files(struct plan *plan, const struct root_new *n, struct error *err)
{
	struct vm *vm = &plan->vm;

	if ((vm->machine.boot[MACHINE_KERNEL] != NULL &&
		build_kernel(plan, n, err) == -1) ||
	    (vm->machine.boot[MACHINE_INITRD] != NULL &&
		input_copy(n->dirfd, VM_INITRD, plan->initrd, err) == -1) ||
	    (vm->machine.boot[MACHINE_FIRMWARE] != NULL &&
		input_copy(n->dirfd, VM_FIRMWARE, plan->firmware.code, err) ==
		    -1) ||
	    (vm->machine.boot[MACHINE_VARS] != NULL &&
		input_copy(n->dirfd, VM_VARS, plan->firmware.vars, err) ==
		    -1) ||
	    build_layers(plan, n, err) == -1)
		return -1;
	if (plan->base != NULL) {
		if (build_on_base(plan, n, err) == -1)
			return -1;
	} else if (vm->machine.storage_bytes > 0 &&
	    build_empty(plan, n, err) == -1)
		return -1;
	if (data_build(vm, n->dirfd, &plan->data, &plan->ready, err) == -1 ||
	    build_seed(plan, n, err) == -1)
		return -1;
	hook_step("files-made");
	return storage_list_check(&vm->machine.disks, err);
}

int
build_vm(struct plan *plan, const struct root *root, char **dir,
    const struct timespec *now, struct error *err)
{
	const char *name = plan->name == NULL ? "" : plan->name;
	struct vm *vm = &plan->vm;
	struct root_new n;
	int rc = -1;

	if (root_new_begin(&n, root, ROOT_VM, name, err) == -1)
		return -1;
	snprintf(vm->id, sizeof(vm->id), "%s", n.id);
	snprintf(vm->name, sizeof(vm->name), "%s", n.name);
	rfc3339_us(vm->created_at, now);
	*dir = root_dir_of(root, ROOT_VM, n.id);
	if (*dir == NULL) {
		error_nomem(err, NULL);
		goto out;
	}
	if (build_files(plan, &n, err) == -1 ||
	    vm_write(vm, n.dirfd, false, now, err) == -1)
		goto out;
	hook_step("record-made");
	rc = root_new_publish(&n, false, err);
out:
	root_new_end(&n);
	return rc;
}
