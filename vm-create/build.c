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
#include "disk/fs.h"
#include "vmm/boot.h"
#include "vmm/vmm.h"

#include "data.h"
#include "given.h"

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

/*
 * Puts the shared disk `from`, a path beneath `dirfd`, into layer/ and links it
 * into the VM as `name`; `path`: what it is recorded as, or NULL.
 */
static int
add_layer(struct plan *plan, const struct root_new *n, const char *name,
    int dirfd, const char *from, const char *path, struct error *err)
{
	struct layer layer = { 0 };
	char *text = strdup(name), *absolute = NULL;
	int rc = -1;

	if (path != NULL)
		absolute = realpath(path, NULL);
	if (text == NULL || (path != NULL && absolute == NULL)) {
		error_sys(err, error_code_of(errno), "%s", from);
		goto out;
	}
	layer.name = text;
	layer.path = absolute;
	if (root_layer_add(&layer.digest, &layer.size_bytes, n->root, dirfd,
		from, err) == -1)
		goto out;
	/* What was made here is in layer/ now, be it by a link. */
	if (dirfd != AT_FDCWD && unlinkat(dirfd, from, 0) == -1) {
		error_sys(err, EX_IOERR, "%s", from);
		goto out;
	}
	if (root_layer_link(n->root, &layer.digest, n->dirfd, name, err) == -1)
		goto out;
	rc = layer_list_add(&plan->vm.machine.layers, &layer, err);
out:
	free(absolute);
	free(text);
	return rc;
}

/* A read-only disk; one that is not raw is converted first. */
static int
take_layer(struct plan *plan, const struct root_new *n, const char *name,
    const char *path, struct error *err)
{
	struct given given;
	int rc;

	if (given_open(&given, path, err) == -1)
		return -1;
	if (given.format->is_flat)
		rc = add_layer(plan, n, name, AT_FDCWD, path, path, err);
	else {
		rc = given_put(&given, n->dirfd, name, plan->quiet, err);
		if (rc == 0)
			rc = add_layer(plan, n, name, n->dirfd, name, NULL,
			    err);
	}
	given_close(&given);
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

/* cow.raw from nothing: sparse, ext4. */
static int
build_empty(struct plan *plan, const struct root_new *n, struct error *err)
{
	int fd, rc;

	if (given_new(&fd, n->dirfd, COW_RAW, err) == -1)
		return -1;
	rc = ftruncate(fd, (off_t)plan->vm.machine.storage_bytes) == -1
	    ? error_sys(err, EX_IOERR, COW_RAW)
	    : fs_make_ext4(n->dirfd, COW_RAW, 0, err);
	fd_drop(&fd);
	return rc == -1 ? -1
			: add_disk(plan, COW_RAW, STORAGE_COW,
			      STORAGE_COW_SERIAL, NULL, err);
}

/*
 * cow.raw with the base's disk: as a reflink, for a hypervisor without overlays
 * else as a copy; 1: neither.
 */
static int
copy_base(struct plan *plan, const struct root_new *n, const struct given *base,
    struct error *err)
{
	bool can_overlay = vmm_traits(plan->vm.machine.hypervisor)->can_overlay;
	int fd, rc;

	rc = can_overlay ? given_reflink(base, n->dirfd, COW_RAW, err)
			 : given_put(base, n->dirfd, COW_RAW, plan->quiet, err);
	if (rc != 0)
		return rc;
	if (fd_open_file(&fd, NULL, n->dirfd, COW_RAW, O_RDWR, err) == -1)
		return -1;
	rc = ftruncate(fd, (off_t)plan->vm.machine.storage_bytes) == -1
	    ? error_sys(err, EX_IOERR, COW_RAW)
	    : add_disk(plan, COW_RAW, STORAGE_COW, STORAGE_COW_SERIAL, NULL,
		  err);
	fd_drop(&fd);
	return rc;
}

/* An overlay over the base, which becomes a layer. */
static int
overlay_base(struct plan *plan, const struct root_new *n,
    const struct given *base, struct error *err)
{
	char name[32], overlay[32];
	int fd, rc;

	snprintf(name, sizeof(name), "base%s", base->format->suffix);
	chain_first_name(overlay, sizeof(overlay), "cow", chain_overlay());
	if (add_layer(plan, n, name, AT_FDCWD, base->path, base->path, err) ==
		-1 ||
	    given_new(&fd, n->dirfd, overlay, err) == -1)
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
	uint64_t *storage_bytes = &plan->vm.machine.storage_bytes;
	struct given base;
	int rc;

	if (given_open(&base, plan->base, err) == -1)
		return -1;
	if (*storage_bytes == 0)
		*storage_bytes = num_round_up(base.disk_bytes, 512);
	if (*storage_bytes < base.disk_bytes)
		rc = error_set(err, EX_USAGE,
		    "--storage: smaller than the base of %llu bytes",
		    (unsigned long long)base.disk_bytes);
	else
		rc = copy_base(plan, n, &base, err);
	if (rc == 1)
		rc = overlay_base(plan, n, &base, err);
	given_close(&base);
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

static int
build_files(struct plan *plan, const struct root_new *n, struct error *err)
{
	const char *const paths[MACHINE_BOOT_FILES] = { plan->kernel,
		plan->initrd, plan->firmware.code, plan->firmware.vars };
	struct vm *vm = &plan->vm;

	if (boot_put(n->dirfd, vm->machine.hypervisor, paths, err) == -1 ||
	    build_layers(plan, n, err) == -1)
		return -1;
	if (plan->base != NULL) {
		if (build_on_base(plan, n, err) == -1)
			return -1;
	} else if (vm->machine.storage_bytes > 0 &&
	    build_empty(plan, n, err) == -1)
		return -1;
	if (data_build(plan, n->dirfd, err) == -1 ||
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
