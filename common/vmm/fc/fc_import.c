/* SPDX-License-Identifier: ISC */
#include "vmm/fc/fc_import.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/path.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "snapshot/sidecar.h"
#include "state/vm.h"
#include "vmm/fc/fc.h"

struct pair {
	int dirfd; /* borrowed */
	const struct intake_how *how; /* borrowed */
	const char *state, *memory; /* their names in the directory */
	char *raw; /* the state's bytes */
	size_t raw_len;
	struct storage_list disks; /* as told: paths are the state's */
	struct sidecar old; /* cocoon.json, where has_old */
	bool has_old;
	struct sidecar sidecar; /* what is written */
};

bool
fc_can_import(int dirfd, const struct intake_how *how)
{
	if (fd_exists(dirfd, ENVELOPE_NAME))
		return how->trust_paths && fd_exists(dirfd, FC_STATE) &&
		    intake_is_others(dirfd);
	if (fd_exists(dirfd, FC_STATE))
		return true;
	return how->configs != NULL && fd_exists(dirfd, "snapfile") &&
	    !fd_exists(dirfd, "memfile.header");
}

static int
find_pair(struct pair *p, struct error *err)
{
	struct fc_state state;

	p->state = fd_exists(p->dirfd, FC_STATE) ? FC_STATE : "snapfile";
	p->memory = fd_exists(p->dirfd, FC_MEMORY) ? FC_MEMORY : "memfile";
	if (!fd_exists(p->dirfd, p->memory))
		return error_set(err, EX_DATAERR,
		    FC_MEMORY ": missing: the memory beside %s", p->state);
	return fc_state_read(&state, &p->raw, &p->raw_len, p->dirfd, p->state,
	    err);
}

/* What the disks are: told by the user, or by whoever saved. */
static int
find_disks(struct pair *p, struct error *err)
{
	struct error why = { 0 };

	p->has_old = sidecar_read(&p->old, p->dirfd, &why) == 0;
	if (!p->has_old && why.code != EX_NOINPUT) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (p->how->configs != NULL)
		return intake_read_configs(&p->disks, p->how->configs, err);
	if (!p->has_old)
		return error_set(err, EX_DATAERR,
		    "%s does not tell the roles of its disks: "
		    "--storage-config does",
		    p->state);
	return storage_list_copy(&p->disks, &p->old.machine.disks, err);
}

static int
check_disk(const struct pair *p, size_t i, struct error *err)
{
	const struct storage *disk = &p->disks.v[i];

	if (!fc_state_has(p->raw, p->raw_len, disk->path))
		return error_set(err, EX_DATAERR,
		    "disk %zu: %s has no \"%s\" in it", i, p->state,
		    disk->path);
	if (disk->backing.n > 0 || !chain_format(disk->path)->is_flat)
		return error_set(err, EX_DATAERR,
		    "disk %zu: %s: Firecracker reads no qcow2", i, disk->path);
	return 0;
}

/* The name that it has in a snapshot of ours. */
static void
name_disk(char *name, size_t cap, const struct storage *disk, size_t i)
{
	switch (disk->role) {
	case STORAGE_LAYER:
		snprintf(name, cap, "layer%zu", i);
		break;
	case STORAGE_COW:
		snprintf(name, cap, "cow.raw");
		break;
	case STORAGE_DATA:
		snprintf(name, cap, "data-%s.raw", disk->serial);
		break;
	case STORAGE_CIDATA:
		snprintf(name, cap, "cidata.img");
		break;
	}
}

static int
take_file(struct intake *in, const struct pair *p, const struct storage *disk,
    const char *name, struct error *err)
{
	const char *file = path_base(disk->path);
	int from;

	if (disk->role == STORAGE_LAYER) {
		from = intake_find_layer(&file, p->dirfd, p->how->trust_paths,
		    disk->path);
		return file == NULL
		    ? 0
		    : intake_take_layer(in, from, file, name, err);
	}
	if (!fd_exists(p->dirfd, file))
		file = name;
	if (!fd_exists(p->dirfd, file))
		return error_set(err, EX_DATAERR,
		    "%s: missing: the disk %s, as it was when this was saved",
		    path_base(disk->path), disk->path);
	return copy_file(NULL, in->made.dirfd, name, p->dirfd, file,
	    COPY_MAY_REFLINK, err);
}

static int
take_disks(struct intake *in, struct pair *p, struct error *err)
{
	struct storage disk;
	char name[64];
	size_t i;

	for (i = 0; i < p->disks.n; i++) {
		if (check_disk(p, i, err) == -1)
			return -1;
		disk = p->disks.v[i];
		name_disk(name, sizeof(name), &disk, i);
		disk.origin = strcmp(disk.path, name) == 0 ? NULL : disk.path;
		disk.path = name;
		if (storage_list_add(&p->sidecar.machine.disks, &disk, err) ==
			-1 ||
		    take_file(in, p, &p->disks.v[i], name, err) == -1)
			return -1;
	}
	return 0;
}

static int
take_memory(struct intake *in, const struct pair *p, struct error *err)
{
	uint64_t size;
	int fd;

	if (fd_open_file(&fd, &size, p->dirfd, p->memory, O_RDONLY, err) == -1)
		return -1;
	fd_drop(&fd);
	if (size < VM_MEMORY_MIN || size > VM_MEMORY_MAX ||
	    size % VM_MEMORY_MIN != 0)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes are no size of memory", p->memory,
		    size);
	in->envelope.machine.memory_bytes = size;
	if (p->has_old && p->old.memory_bytes != 0 &&
	    p->old.memory_bytes != size)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, %s says %" PRIu64, p->memory, size,
		    SIDECAR_NAME, p->old.memory_bytes);
	return copy_file(NULL, in->made.dirfd, FC_MEMORY, p->dirfd, p->memory,
	    COPY_MAY_REFLINK, err);
}

int
fc_find_nics(struct nic_list *out, const char *raw, size_t len,
    struct error *err)
{
	struct nic nic = { .kind = NIC_TAP };
	size_t at = 0;

	while (fc_state_next_mac(nic.mac, &at, raw, len)) {
		snprintf(nic.ifname, sizeof(nic.ifname), "tap%u",
		    (unsigned)out->n % NIC_MAX);
		if (nic_list_add(out, &nic, err) == -1) {
			if (err != NULL && err->code == EX_USAGE)
				err->code = EX_DATAERR;
			return error_wrap(err, FC_STATE);
		}
	}
	return 0;
}

/* The kernel is not what a boot needs where another program unpacked it. */
static int
take_kernel(struct intake *in, struct pair *p, struct error *err)
{
	if (!fd_exists(p->dirfd, VM_KERNEL))
		return 0;
	if (copy_file(NULL, in->made.dirfd, VM_KERNEL, p->dirfd, VM_KERNEL,
		COPY_MAY_REFLINK, err) == -1)
		return -1;
	return machine_set_boot(&p->sidecar.machine, MACHINE_KERNEL, VM_KERNEL,
	    err);
}

/* What others say of it, corrected by what it is. */
static int
read_envelope(struct intake *in, const struct pair *p, struct error *err)
{
	struct machine *m = &in->envelope.machine;

	if (intake_read_others(in, p->dirfd, FC_NAME, err) == -1)
		return -1;
	if (p->has_old && p->old.cpu != 0)
		m->cpu = p->old.cpu;
	m->storage_bytes = 0;
	return 0;
}

static int
seal_all(struct intake *in, const struct pair *p, struct error *err)
{
	static const char *const names[] = { SIDECAR_NAME, FC_STATE,
		FC_MEMORY };
	const struct envelope_file *file;

	if (intake_seal_all(in, names, sizeof(names) / sizeof(names[0]), err) ==
		-1 ||
	    intake_seal_machine(in, &p->sidecar.machine, err) == -1)
		return -1;
	file = envelope_find_file(&in->envelope, "cow.raw");
	if (file != NULL)
		in->envelope.machine.storage_bytes = file->size_bytes;
	return 0;
}

static int
take_all(struct intake *in, struct pair *p, struct error *err)
{
	if (p->how->need_digests)
		return error_set(err, EX_DATAERR,
		    "a pair of Firecracker, which has no digests");
	if (p->how->base != NULL)
		return error_set(err, EX_USAGE,
		    "no wrenn directory, --base is not for it");
	if (find_pair(p, err) == -1 || find_disks(p, err) == -1 ||
	    read_envelope(in, p, err) == -1 || take_memory(in, p, err) == -1 ||
	    copy_file(NULL, in->made.dirfd, FC_STATE, p->dirfd, p->state,
		COPY_MAY_REFLINK, err) == -1 ||
	    take_disks(in, p, err) == -1 || take_kernel(in, p, err) == -1 ||
	    fc_find_nics(&p->sidecar.machine.nics, p->raw, p->raw_len, err) ==
		-1)
		return -1;
	in->envelope.config.nics = p->sidecar.machine.nics.n;
	p->sidecar.memory_bytes = in->envelope.machine.memory_bytes;
	p->sidecar.cpu = in->envelope.machine.cpu;
	if (sidecar_write(in->made.dirfd, &p->sidecar, err) == -1)
		return -1;
	hook_step("import-copied");
	return seal_all(in, p, err);
}

int
fc_import(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err)
{
	struct pair p = { .dirfd = dirfd, .how = how };
	int rc = take_all(in, &p, err);

	if (rc == 0)
		intake_note_layers(in, &p.disks);
	free(p.raw);
	storage_list_fini(&p.disks);
	sidecar_fini(&p.old);
	sidecar_fini(&p.sidecar);
	return rc;
}
