/* SPDX-License-Identifier: ISC */
#include "state/vm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/copy.h"

const char *const vm_boot_names[MACHINE_BOOT_FILES] = { VM_KERNEL, VM_INITRD,
	VM_FIRMWARE, VM_VARS };

unsigned
vm_boot_may(const char *name)
{
	return strcmp(name, VM_VARS) == 0 ? COPY_MAY_REFLINK
					  : COPY_MAY_LINK | COPY_MAY_REFLINK;
}

static const char *const memory_names[] = { "auto", "file", "memfd", "template",
	"private" };
static const char *const accel_names[] = { "auto", "kvm", "tcg" };

/* The place of `text` among the `n` names, or -1. */
static int
find_name(const char *const *names, size_t n, const char *text)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i], text) == 0)
			return (int)i;
	return -1;
}

const char *
vm_label(const struct vm *vm)
{
	return vm->name[0] == '\0' ? vm->id : vm->name;
}

const char *
vm_memory_name(enum vm_memory memory)
{
	return memory_names[memory];
}

const char *
vm_accel_name(enum vm_accel accel)
{
	return accel_names[accel];
}

bool
vm_memory_parse(enum vm_memory *out, const char *name)
{
	int i = find_name(memory_names,
	    sizeof(memory_names) / sizeof(memory_names[0]), name);

	if (i != -1)
		*out = (enum vm_memory)i;
	return i != -1;
}

bool
vm_accel_parse(enum vm_accel *out, const char *name)
{
	int i = find_name(accel_names,
	    sizeof(accel_names) / sizeof(accel_names[0]), name);

	if (i != -1)
		*out = (enum vm_accel)i;
	return i != -1;
}

void
vm_init(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
}

void
vm_fini(struct vm *vm)
{
	machine_fini(&vm->machine);
	free(vm->description);
	free(vm->error);
	free(vm->depends_on);
	free(vm->cgroup_choice);
	free(vm->cgroup);
	free(vm->of_state);
	free(vm->frozen);
	strv_fini(&vm->snapshot_ids);
	vm_init(vm);
}

bool
vm_is_alive(const struct vm *vm)
{
	return vm->elsewhere || proc_is_alive(&vm->proc);
}

int
vm_add_snapshot(struct vm *vm, const char *id, struct error *err)
{
	struct strv *ids = &vm->snapshot_ids;
	/* An earlier record had there what its VM was cloned from. */
	size_t kept = vm->cloned_from[0] == '\0' ? 1 : 0;
	size_t surplus, i;

	if (strv_has(ids, id))
		return 0;
	if (strv_add(ids, err, "%s", id) == -1)
		return -1;
	if (ids->n <= VM_SNAPSHOTS_KEPT)
		return 0;
	surplus = ids->n - VM_SNAPSHOTS_KEPT;
	for (i = 0; i < surplus; i++)
		free(ids->v[kept + i]);
	/* With the NULL at the end. */
	memmove(ids->v + kept, ids->v + kept + surplus,
	    (ids->n - kept - surplus + 1) * sizeof(*ids->v));
	ids->n -= surplus;
	return 0;
}

int
vm_copy_lineage(struct vm *vm, const struct vm *from, struct error *err)
{
	size_t i;

	memcpy(vm->cloned_from, from->cloned_from, sizeof(vm->cloned_from));
	for (i = 0; i < from->snapshot_ids.n; i++)
		if (strv_add(&vm->snapshot_ids, err, "%s",
			from->snapshot_ids.v[i]) == -1)
			return -1;
	return 0;
}

bool
vm_owns_snapshot(const struct vm *vm, const char *id, const char *vm_id)
{
	if (strcmp(vm_id, vm->id) == 0)
		return true;
	return id[0] != '\0' &&
	    (strcmp(vm->cloned_from, id) == 0 ||
		strv_has(&vm->snapshot_ids, id));
}

bool
vm_has_snapshots(const struct vm *vm)
{
	return vm->cloned_from[0] != '\0' || vm->snapshot_ids.n > 0;
}

void
vm_drop_frozen(struct vm *vm, const char *name)
{
	size_t i;

	for (i = 0; i < vm->frozen_n; i++)
		if (strcmp(vm->frozen[i].name, name) == 0) {
			vm->frozen_n--;
			memmove(&vm->frozen[i], &vm->frozen[i + 1],
			    (vm->frozen_n - i) * sizeof(vm->frozen[0]));
			return;
		}
}

int
vm_add_frozen(struct vm *vm, const char *name, uint64_t size_bytes,
    const struct digest *digest, struct error *err)
{
	struct vm_frozen *v, *slot;

	vm_drop_frozen(vm, name);
	v = realloc(vm->frozen, (vm->frozen_n + 1) * sizeof(*v));
	if (v == NULL)
		return error_nomem(err, NULL);
	vm->frozen = v;
	slot = &v[vm->frozen_n++];
	snprintf(slot->name, sizeof(slot->name), "%s", name);
	slot->size_bytes = size_bytes;
	slot->digest = *digest;
	return 0;
}

const struct vm_frozen *
vm_find_frozen(const struct vm *vm, const char *name)
{
	size_t i;

	for (i = 0; i < vm->frozen_n; i++)
		if (strcmp(vm->frozen[i].name, name) == 0)
			return &vm->frozen[i];
	return NULL;
}

static int
replace_text(char **slot, const char *text, struct error *err)
{
	char *copy = NULL;

	if (text != NULL) {
		copy = strdup(text);
		if (copy == NULL)
			return error_nomem(err, NULL);
	}
	free(*slot);
	*slot = copy;
	return 0;
}

int
vm_set_error(struct vm *vm, const char *text, struct error *err)
{
	return replace_text(&vm->error, text, err);
}

int
vm_set_cgroup_choice(struct vm *vm, const char *text, struct error *err)
{
	return replace_text(&vm->cgroup_choice, text, err);
}

int
vm_set_depends_on(struct vm *vm, const char *dir, struct error *err)
{
	return replace_text(&vm->depends_on, dir, err);
}

int
vm_set_description(struct vm *vm, const char *text, struct error *err)
{
	return replace_text(&vm->description, text, err);
}

int
vm_flush_disks(const struct vm *vm, int dirfd, struct error *err)
{
	const char *file;
	size_t i;
	int fd, rc;

	for (i = 0; i < vm->machine.disks.n; i++) {
		if (vm->machine.disks.v[i].ro)
			continue;
		file = vm->machine.disks.v[i].path;
		if (fd_open_file(&fd, NULL, dirfd, file, O_RDONLY, err) == -1)
			return -1;
		rc = fdatasync(fd) == -1 ? error_sys(err, EX_IOERR, "%s", file)
					 : 0;
		fd_drop(&fd);
		if (rc == -1)
			return -1;
	}
	return 0;
}
