/* SPDX-License-Identifier: ISC */
#include "vmm/load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "disk/extent.h"
#include "disk/fs.h"
#include "state/inplace.h"
#include "state/vm_seed.h"
#include "vmm/driver.h"

/* Of a recorded path only the last component counts. */
static int
name_disk(struct storage *disk, bool keep_origin, struct error *err)
{
	const char *base = path_base(disk->path);
	char *name;

	if (base == disk->path)
		return 0;
	name = strdup(base);
	if (name == NULL)
		return error_nomem(err, NULL);
	if (keep_origin && disk->origin == NULL)
		disk->origin = disk->path;
	else
		free(disk->path);
	disk->path = name;
	return 0;
}

/* In the VM's directory all files are called by plain names. */
static int
name_files(struct machine *m, const struct load *load, struct error *err)
{
	bool keep_origin = vmm_traits(m->hypervisor)->names_disks;
	const char *name;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++) {
		name = vm_boot_names[i];
		if (!load_has_boot_file(load->from_dirfd, name, m->boot[i]))
			name = NULL;
		if (machine_set_boot(m, (enum machine_boot)i, name, err) == -1)
			return -1;
	}
	for (i = 0; i < m->disks.n; i++) {
		m->disks.v[i].size_bytes = 0; /* from here on its file tells */
		if (name_disk(&m->disks.v[i], keep_origin, err) == -1)
			return -1;
	}
	return 0;
}

bool
load_has_boot_file(int dirfd, const char *name, const char *said)
{
	return said != NULL && (said[0] != '/' || fd_exists(dirfd, name));
}

int
load_record(struct vm *vm, const struct load *load, struct error *err)
{
	const struct envelope_host *host = &load->envelope->host;

	snprintf(vm->saved_version, sizeof(vm->saved_version), "%s",
	    host->version);
	snprintf(vm->saved_at, sizeof(vm->saved_at), "%s",
	    load->sidecar->saved_at);
	vm->accel = strcmp(host->accel, "kvm") == 0 ? VM_ACCEL_KVM
						    : VM_ACCEL_TCG;
	vm->to_load = true;
	vm->thaw = load->envelope->consistent == ENVELOPE_CONSISTENT_FILESYSTEM
	    ? VM_THAW_DUE
	    : VM_THAW_DONE;
	if (machine_fill(&vm->machine, &load->sidecar->machine, err) == -1)
		return -1;
	return name_files(&vm->machine, load, err);
}

int
load_put(const struct load *load, int dirfd, const char *to, const char *from,
    unsigned may, struct error *err)
{
	/* The directory in place is left as it is, link counts and all. */
	if (load->in_place != NULL)
		may &= ~COPY_MAY_LINK;
	return copy_file(NULL, dirfd, to, load->from_dirfd, from, may, err);
}

int
load_share(const struct load *load, int dirfd, const char *to, const char *from,
    unsigned may, struct error *err)
{
	return load->in_place != NULL && (may & COPY_MAY_LINK) != 0
	    ? inplace_link(dirfd, to, load->in_place, from, err)
	    : load_put(load, dirfd, to, from, may, err);
}

static int
put_boot_files(const struct vm *vm, const struct load *load, int dirfd,
    struct error *err)
{
	const char *name;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++) {
		name = vm->machine.boot[i];
		if (name != NULL &&
		    load_share(load, dirfd, name, name, vm_boot_may(name),
			err) == -1)
			return -1;
	}
	if (load->seed != NULL)
		return vm_seed_write(load->seed, dirfd, err);
	return vm_seed_is_there(load->from_dirfd)
	    ? load_put(load, dirfd, VM_SEED_NAME, VM_SEED_NAME,
		  COPY_MAY_LINK | COPY_MAY_REFLINK, err)
	    : 0;
}

int
load_put_state(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	const char *const *name = vmm_traits(vm->machine.hypervisor)
				      ->state_files;

	for (; *name != NULL; name++)
		if (load_put(load, dirfd, *name, *name,
			COPY_MAY_LINK | COPY_MAY_REFLINK, err) == -1)
			return -1;
	return 0;
}

/* How what the VM writes gets into the file that it will be. */
static unsigned
in_place_of(const struct load *load)
{
	return load->has_places ? COPY_HAS_PLACE : 0;
}

static void
tell_memory(struct vm *vm, enum copy_how how)
{
	static const char *const names[] = { "linked", "reflinked", "copied" };

	snprintf(vm->memory_from, sizeof(vm->memory_from), "%s", names[how]);
}

/* memory.raw of the VM's own, wholly allocated. */
static int
put_own_memory(struct vm *vm, const struct load *load, int dirfd,
    struct error *err)
{
	uint64_t left;
	enum copy_how how;
	int fd, sys;

	if (copy_file(&how, dirfd, VM_MEMORY, load->from_dirfd,
		load_memory_name(load), COPY_MAY_REFLINK | in_place_of(load),
		err) == -1 ||
	    fs_free_bytes(&left, dirfd, err) == -1)
		return -1;
	tell_memory(vm, how);
	if (left < vm->machine.memory_bytes)
		return error_set(err, EX_IOERR,
		    "%s: no space: %" PRIu64 " bytes needed, %" PRIu64 " free",
		    VM_MEMORY, vm->machine.memory_bytes, left);
	if (fd_open_file(&fd, NULL, dirfd, VM_MEMORY, O_RDWR, err) == -1)
		return -1;
	sys = posix_fallocate(fd, 0, (off_t)vm->machine.memory_bytes);
	fd_drop(&fd);
	if (sys != 0) {
		errno = sys;
		return error_sys(err, EX_IOERR, VM_MEMORY);
	}
	return 0;
}

int
load_put_template(struct vm *vm, int dirfd, const struct load *load,
    unsigned may, struct error *err)
{
	const char *name = load_memory_name(load);
	enum copy_how how;

	if (load->has_template) {
		tell_memory(vm, COPY_LINKED);
		return 0;
	}
	if (load->in_place != NULL && (may & COPY_MAY_LINK) != 0) {
		snprintf(vm->memory_from, sizeof(vm->memory_from), "mapped");
		return inplace_link(dirfd, VM_TEMPLATE, load->in_place, name,
		    err);
	}
	if (copy_file(&how, dirfd, VM_TEMPLATE, load->from_dirfd, name, may,
		err) == -1)
		return -1;
	tell_memory(vm, how);
	return 0;
}

int
load_put_memory(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	unsigned may = COPY_MAY_REFLINK;

	if (load->copy_memory && copy_can_reflink(dirfd)) {
		vm->memory = VM_MEMORY_FILE;
		return put_own_memory(vm, load, dirfd, err);
	}
	vm->memory = load->copy_memory ? VM_MEMORY_MEMFD : VM_MEMORY_TEMPLATE;
	/* Into a memfd it is only read. */
	if (load->copy_memory || load_may_map(load, load_memory_name(load)))
		may |= COPY_MAY_LINK;
	if (load_put_template(vm, dirfd, load, may, err) == -1)
		return -1;
	if (load->copy_memory)
		tell_memory(vm, COPY_COPIED);
	return 0;
}

int
load_put_guest(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	return load_put_memory(vm, dirfd, load, err) == -1
	    ? -1
	    : load_put_state(vm, dirfd, load, err);
}

/* A file that nobody will write: linked, and its digest remembered. */
static int
put_frozen(struct vm *vm, const struct load *load, int dirfd, const char *name,
    struct error *err)
{
	const struct envelope_file *file;

	if (layer_find(&vm->machine.layers, name) != NULL)
		return 0;
	if (load_share(load, dirfd, name, name,
		COPY_MAY_LINK | COPY_MAY_REFLINK, err) == -1)
		return -1;
	file = envelope_find_file(load->envelope, name);
	if (file == NULL || !file->has_digest)
		return 0;
	return vm_add_frozen(vm, name, file->size_bytes, &file->digest, err);
}

/*
 * The same content under the same name, for this VM to write, where a reflink
 * gives it at once: 1, 0 where it does not, -1.
 */
static int
put_reflink(const struct load *load, int dirfd, const char *name,
    struct error *err)
{
	struct error why = { 0 };
	uint64_t n;
	int fd;

	if (!copy_might_reflink(dirfd) || !fs_is_same(dirfd, load->from_dirfd))
		return 0;
	if (fd_open_file(&fd, NULL, load->from_dirfd, name, O_RDONLY, err) ==
	    -1)
		return -1;
	n = extent_count(fd);
	fd_drop(&fd);
	if (n > EXTENT_QUICK_MAX)
		return 0;
	if (load_put(load, dirfd, name, name,
		COPY_MAY_REFLINK | COPY_NO_COPY | in_place_of(load), &why) == 0)
		return 1;
	if (why.code == EX_UNAVAILABLE)
		return 0;
	return error_set(err, why.code, "%s", why.msg);
}

/* The same by a copy where it must be. */
static int
put_written(const struct load *load, int dirfd, const char *name, bool reflink,
    struct error *err)
{
	enum copy_how how;

	if (copy_file(&how, dirfd, name, load->from_dirfd, name,
		(reflink ? COPY_MAY_REFLINK : 0) | in_place_of(load),
		err) == -1)
		return -1;
	if (load->disks == LOAD_DISKS_REFLINK && how != COPY_REFLINKED)
		return error_set(err, EX_UNAVAILABLE,
		    "%s: cannot be reflinked here", name);
	return 0;
}

static int
write_overlay(struct storage *disk, int dirfd, const char *overlay,
    bool is_there, uint64_t bytes, struct error *err)
{
	int fd, rc;

	fd = openat(dirfd, overlay,
	    O_RDWR | (is_there ? 0 : O_CREAT | O_EXCL) | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", overlay);
	rc = chain_write_overlay(fd, bytes, disk->path, overlay, err);
	fd_drop(&fd);
	return rc;
}

/* The saved file stays as it is, under an overlay of this VM's own. */
static int
put_overlay(struct vm *vm, struct storage *disk, const struct load *load,
    int dirfd, struct error *err)
{
	struct strv backing = { 0 };
	char *overlay = NULL;
	uint64_t bytes;
	size_t i;
	int rc = -1;

	if (chain_next_name(&overlay, disk->path, chain_overlay(), err) == -1)
		return -1;
	/* What was to be the disk is, under this name. */
	if (load->has_places &&
	    renameat2(dirfd, disk->path, dirfd, overlay, RENAME_NOREPLACE) ==
		-1) {
		error_sys(err, error_code_of(errno), "%s", overlay);
		goto out;
	}
	if (put_frozen(vm, load, dirfd, disk->path, err) == -1 ||
	    chain_disk_bytes(&bytes, chain_format(disk->path), load->from_dirfd,
		disk->path, err) == -1 ||
	    write_overlay(disk, dirfd, overlay, load->has_places, bytes, err) ==
		-1 ||
	    strv_add(&backing, err, "%s", disk->path) == -1)
		goto out;
	for (i = 0; i < disk->backing.n; i++)
		if (strv_add(&backing, err, "%s", disk->backing.v[i]) == -1)
			goto out;
	free(disk->path);
	disk->path = overlay;
	overlay = NULL;
	strv_fini(&disk->backing);
	disk->backing = backing;
	memset(&backing, 0, sizeof(backing));
	rc = 0;
out:
	strv_fini(&backing);
	free(overlay);
	return rc;
}

unsigned
load_disk_may(const struct load *load, const struct storage *disk)
{
	return load->in_place != NULL && disk->role != STORAGE_CIDATA
	    ? COPY_MAY_LINK | COPY_MAY_REFLINK
	    : COPY_MAY_REFLINK;
}

static int
put_disk(struct vm *vm, struct storage *disk, const struct load *load,
    int dirfd, struct error *err)
{
	bool overlay = load->disks == LOAD_DISKS_OVERLAY;
	size_t i;
	int done;

	if (disk->role == STORAGE_LAYER)
		return 0;
	for (i = 0; i < disk->backing.n; i++)
		if (put_frozen(vm, load, dirfd, disk->backing.v[i], err) == -1)
			return -1;
	if (disk->ro)
		return load_share(load, dirfd, disk->path, disk->path,
		    load_disk_may(load, disk), err);
	if (overlay && !vmm_traits(vm->machine.hypervisor)->can_overlay)
		return error_set(err, EX_UNAVAILABLE,
		    "--disk-mode overlay: %s reads no qcow2",
		    vm->machine.hypervisor);
	if (load->disks == LOAD_DISKS_AUTO &&
	    disk->backing.n + 2 <= STORAGE_CHAIN_MAX &&
	    vmm_traits(vm->machine.hypervisor)->can_overlay) {
		done = load->in_place != NULL
		    ? 0
		    : put_reflink(load, dirfd, disk->path, err);
		if (done != 0)
			return done == 1 ? 0 : -1;
		overlay = true;
	}
	if (overlay)
		return put_overlay(vm, disk, load, dirfd, err);
	return put_written(load, dirfd, disk->path,
	    load->disks != LOAD_DISKS_COPY, err);
}

/*
 * A seed tells the names of this VM, not those of the saved one, whose guest
 * may have let go of its own after its first boot.
 */
static int
put_seed(struct vm *vm, int dirfd, struct error *err)
{
	bool is_clone = vm->restored_from[0] == '\0';

	if (!vm_seed_is_there(dirfd))
		return 0;
	if (storage_find(&vm->machine.disks, STORAGE_CIDATA) == NULL &&
	    !(is_clone && vmm_traits(vm->machine.hypervisor)->adds_seed))
		return vm_seed_tell_user(vm, dirfd, err);
	if (vm_seed_make(vm, dirfd, err) == 0)
		return 0;
	/* What came with a snapshot is nobody's option. */
	if (err != NULL && err->code == EX_USAGE)
		err->code = EX_DATAERR;
	return error_wrap(err, "%s", VM_SEED_NAME);
}

int
load_populate(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	const struct vmm_driver *driver = vmm_find_driver(
	    vm->machine.hypervisor);
	size_t i;

	if (driver == NULL)
		return error_set(err, EX_CONFIG, "hypervisor %s: no driver",
		    vm->machine.hypervisor);
	if (!load->has_places && load_put_layers(vm, dirfd, load, err) == -1)
		return -1;
	if (put_boot_files(vm, load, dirfd, err) == -1)
		return -1;
	for (i = 0; i < vm->machine.disks.n; i++)
		if (put_disk(vm, &vm->machine.disks.v[i], load, dirfd, err) ==
		    -1)
			return -1;
	/* It may have to name the disks as they are now. */
	if ((driver->put_guest == NULL ? load_put_guest : driver->put_guest)(vm,
		dirfd, load, err) == -1)
		return -1;
	return put_seed(vm, dirfd, err);
}
