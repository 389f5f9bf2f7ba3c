/* SPDX-License-Identifier: ISC */
/* What the hypervisor will load: memory, disks, boot files, device state. */
#include "vmm/preflight_check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "state/inplace.h"
#include "vmm/vmm.h"

/* The memory as it was, to the byte; a dump's size only its state tells. */
static int
check_memory_file(const struct preflight *p, const struct vmm_traits *traits,
    struct error *err)
{
	const struct machine *m = &p->envelope->machine;
	const char *dump = traits->memory_dump;
	uint64_t size;

	if (dump != NULL && fd_exists(p->dirfd, dump))
		return preflight_size(&size, p, dump, err);
	if (dump != NULL && !fd_exists(p->dirfd, traits->memory_file))
		return error_set(err, EX_DATAERR, "%s: missing, and no %s",
		    dump, traits->memory_file);
	if (preflight_size(&size, p, traits->memory_file, err) == -1)
		return -1;
	return size == m->memory_bytes
	    ? 0
	    : error_set(err, EX_DATAERR,
		  "%s: %" PRIu64 " bytes, the guest has %" PRIu64,
		  traits->memory_file, size, m->memory_bytes);
}

/* Whether the hypervisor at hand could map the memory where it lies. */
static int
check_in_place(const struct preflight *p, struct error *err)
{
	const struct load load = { .envelope = p->envelope,
		.from_dirfd = p->dirfd };
	const char *name = load_memory_name(&load);

	if (p->in_place == NULL || p->is_unlisted || p->copy_memory ||
	    load_may_map(&load, name))
		return 0;
	return error_set(err, EX_UNAVAILABLE,
	    "%s: cannot be mapped in place: %s here opens it for writing, too, "
	    "which is not allowed there",
	    name, p->envelope->machine.hypervisor);
}

/* What this hypervisor loads: memory and state. */
int
preflight_memory(struct preflight *p, struct error *err)
{
	const struct machine *m = &p->envelope->machine;
	const struct vmm_traits *traits = vmm_traits(m->hypervisor);
	const char *const *state = traits->state_files;
	uint64_t size;

	if (m->memory_bytes < VM_MEMORY_MIN ||
	    m->memory_bytes > VM_MEMORY_MAX ||
	    m->memory_bytes % VM_MEMORY_MIN != 0)
		return error_set(err, EX_DATAERR,
		    "config.memory: %" PRIu64 " is no size of memory",
		    m->memory_bytes);
	if (p->sidecar.memory_bytes != 0 &&
	    p->sidecar.memory_bytes != m->memory_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: memory is %" PRIu64 ", config.memory %" PRIu64,
		    SIDECAR_NAME, p->sidecar.memory_bytes, m->memory_bytes);
	if (check_memory_file(p, traits, err) == -1)
		return -1;
	for (; *state != NULL; state++)
		if (preflight_size(&size, p, *state, err) == -1)
			return -1;
	return check_in_place(p, err);
}

/*
 * One file of a chain, with `below` under it (NULL: nothing), of a disk of
 * `bytes`; 0: whatever it has.
 */
static int
check_chain_file(const struct preflight *p, const char *name, const char *below,
    uint64_t bytes, struct error *err)
{
	uint64_t size;
	int fd, rc;

	/* A layer is checked where it is: by its digest. */
	if (preflight_layer(p, name) != NULL)
		return below == NULL
		    ? 0
		    : error_set(err, EX_DATAERR,
			  "%s: a layer with a backing file", name);
	if (inplace_open(&fd, &size, p->is_unlisted ? p->in_place : NULL,
		p->dirfd, name, err) == -1) {
		if (err != NULL && err->code == EX_NOINPUT)
			return error_set(err, EX_DATAERR, "%s: missing", name);
		return -1;
	}
	rc = chain_check(fd, size, bytes, name, below, err);
	fd_drop(&fd);
	return rc;
}

/* data-SERIAL.raw or data-SERIAL.N.qcow2 */
static int
check_data_name(const struct storage *disk, const char *name, struct error *err)
{
	char want[sizeof("data-") + sizeof(disk->serial) + 1];
	int n = snprintf(want, sizeof(want), "data-%s.", disk->serial);

	if (strncmp(name, want, (size_t)n) == 0)
		return 0;
	return error_set(err, EX_DATAERR, "data disk \"%s\" is in a file %s",
	    disk->serial, name);
}

/* The size that the disk had, as the snapshot has it recorded; 0: it has not. */
static uint64_t
saved_bytes(const struct preflight *p, const struct storage *disk)
{
	uint64_t storage = p->envelope->machine.storage_bytes;

	/* That the two agree, preflight_storage() has seen. */
	return disk->role == STORAGE_COW && storage != 0 ? storage
							 : disk->size_bytes;
}

/*
 * Whether the file under an overlay may be of another size than the disk, which
 * was resized since: where nothing but its digest can say that it is whole.
 */
static bool
may_differ(const struct preflight *p, const char *name)
{
	const struct envelope_file *file = envelope_find_file(p->envelope,
	    name);

	return p->is_unlisted || (file != NULL && file->has_digest);
}

static int
check_disk(const struct preflight *p, size_t i, struct error *err)
{
	const struct storage *disk = &p->sidecar.machine.disks.v[i];
	const char *name = path_base(disk->path), *below;
	bool is_layer = preflight_layer(p, name) != NULL;
	uint64_t bytes;
	size_t k;

	/* What others saved names its layers by paths, which is not enough. */
	if (disk->role == STORAGE_LAYER && !is_layer &&
	    !p->envelope->host.present)
		return error_set(err, EX_CONFIG,
		    "disk %zu: layer %s is not here: snap-import "
		    "--trust-paths takes it in",
		    i, name);
	if ((disk->role == STORAGE_LAYER) != is_layer)
		return error_set(err, EX_DATAERR,
		    is_layer ? "disk %zu: %s of role %s is in \"layers\""
			     : "disk %zu: %s of role %s is not in \"layers\"",
		    i, name, storage_role_name(disk->role));
	if (disk->role == STORAGE_DATA &&
	    check_data_name(disk, name, err) == -1)
		return -1;
	bytes = saved_bytes(p, disk);
	for (k = 0; k <= disk->backing.n; k++) {
		name = k == 0 ? name : disk->backing.v[k - 1];
		below = k == disk->backing.n ? NULL : disk->backing.v[k];
		if (check_chain_file(p, name, below,
			k == 0 || !may_differ(p, name) ? bytes : 0, err) == -1)
			return -1;
	}
	return 0;
}

int
preflight_disks(struct preflight *p, struct error *err)
{
	const char *hypervisor = p->envelope->machine.hypervisor;
	size_t max = vmm_traits(hypervisor)->disks_max, i;

	if (p->sidecar.machine.disks.n > max)
		return error_set(err, EX_DATAERR,
		    "%s: %zu disks, %s has at most %zu", SIDECAR_NAME,
		    p->sidecar.machine.disks.n, hypervisor, max);
	for (i = 0; i < p->sidecar.machine.disks.n; i++)
		if (check_disk(p, i, err) == -1)
			return -1;
	if (vmm_devices_match(&p->sidecar, err) == -1)
		return error_wrap(err, "%s", SIDECAR_NAME);
	return 0;
}

/* kernel, initrd and firmware, where the sidecar has them. */
int
preflight_boot_files(struct preflight *p, struct error *err)
{
	char *const *said = p->sidecar.machine.boot;
	uint64_t size;
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (load_has_boot_file(p->dirfd, vm_boot_names[i], said[i]) &&
		    preflight_size(&size, p, vm_boot_names[i], err) == -1)
			return -1;
	return 0;
}

/* The device state must be of this machine: a VMM may take others in silence. */
int
preflight_state(struct preflight *p, struct error *err)
{
	const struct machine *m = &p->sidecar.machine;

	if (p->is_loaded && vmm_traits(m->hypervisor)->matches_loaded)
		return 0;
	return vmm_state_match(m, p->dirfd, err);
}
