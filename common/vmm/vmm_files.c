/* SPDX-License-Identifier: ISC */
/* What the files of a VM and of a snapshot are called that are no disks. */
#include <string.h>

#include "base/path.h"
#include "disk/chain.h"
#include "snapshot/signature.h"
#include "snapshot/working_set.h"
#include "state/vm_seed.h"
#include "vmm/driver.h"
#include "vmm/vmm.h"

/* Those of every VM and snapshot; a driver's are in its table. */
static const char *const ours[] = { ENVELOPE_NAME, ENVELOPE_TRAILER,
	SIDECAR_NAME, VM_RECORD_NAME, VM_KERNEL, VM_INITRD, VM_FIRMWARE,
	VM_VARS, VM_MEMORY, VM_TEMPLATE, VM_SAVE_STATE, VM_HANDOVER,
	VM_CONSOLE_LOG, VM_CONSOLE_OLD, VM_CONSOLE_NEW, VM_CONSOLE_LOCK,
	VM_CONSOLE_SOCKET, VM_AGENT_SOCKET, VM_AGENT_LOCK, VM_API_SOCKET,
	VM_WATCH_SOCKET, VM_VMM_LOG, VM_KNOWN_HOSTS, VM_SEED_NAME,
	WORKING_SET_NAME, SIGNATURE_NAME };

static bool
is_same(const char *name, const char *other)
{
	return other != NULL && strcmp(name, other) == 0;
}

static bool
is_of_driver(const struct vmm_driver *driver, const char *name)
{
	const struct vmm_traits *traits = &driver->traits;
	const char *const *p;

	for (p = traits->state_files; *p != NULL; p++)
		if (strcmp(name, *p) == 0)
			return true;
	for (p = driver->files; p != NULL && *p != NULL; p++)
		if (strcmp(name, *p) == 0)
			return true;
	return is_same(name, traits->api_socket) ||
	    is_same(name, traits->memory_file) ||
	    is_same(name, traits->memory_dump);
}

bool
vmm_is_reserved(const char *name)
{
	const struct vmm_driver *driver;
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	for (i = 0; (driver = vmm_driver_at(i)) != NULL; i++)
		if (is_of_driver(driver, name))
			return true;
	return false;
}

/* The seed is made anew under its own name.  Layers are named by "layers". */
static bool
is_taken(const struct storage *disk, const char *name)
{
	if (disk->role == STORAGE_LAYER)
		return false;
	return vmm_is_reserved(name) ||
	    (disk->role != STORAGE_CIDATA && strcmp(name, VM_SEED_DISK) == 0);
}

/* The file `k` of a disk: the top, then what is below. */
static const char *
file_of(const struct storage *disk, size_t k)
{
	return k == 0 ? path_base(disk->path) : disk->backing.v[k - 1];
}

/* No overlay that `disk` gets later is called as a file that is there. */
static int
check_later(const struct storage_list *disks, const struct storage *disk,
    struct error *err)
{
	const char *top = path_base(disk->path), *name;
	size_t i, k;

	if (disk->ro)
		return 0;
	for (i = 0; i < disks->n; i++)
		for (k = 0; k <= disks->v[i].backing.n; k++) {
			name = file_of(&disks->v[i], k);
			if (chain_is_later(name, top))
				return error_set(err, EX_DATAERR,
				    "path \"%s\": a later overlay of it would "
				    "be called as \"%s\" of disk %zu",
				    disk->path, name, i);
		}
	return 0;
}

static int
check_disk(const struct storage_list *disks, const struct storage *disk,
    struct error *err)
{
	size_t k;

	if (is_taken(disk, path_base(disk->path)))
		return error_set(err, EX_DATAERR,
		    "path \"%s\" is the name of another file", disk->path);
	for (k = 0; k < disk->backing.n; k++)
		if (is_taken(disk, disk->backing.v[k]))
			return error_set(err, EX_DATAERR,
			    "backing \"%s\" is the name of another file",
			    disk->backing.v[k]);
	return check_later(disks, disk, err);
}

int
vmm_check_names(const struct storage_list *disks, struct error *err)
{
	size_t i;

	for (i = 0; i < disks->n; i++)
		if (check_disk(disks, &disks->v[i], err) == -1)
			return error_wrap(err, "disk %zu", i);
	return 0;
}
