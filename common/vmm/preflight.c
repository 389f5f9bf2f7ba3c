/* SPDX-License-Identifier: ISC */
#include "vmm/preflight.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/digest.h"
#include "disk/qcow2.h"
#include "vmm/vmm.h"

typedef int check(const struct preflight *p, struct error *err);

/* The size of a file that must be there, and a file. */
static int
size_of(uint64_t *out, const struct preflight *p, const char *name,
    struct error *err)
{
	int fd;

	if (fd_open_file(&fd, out, snap_fd(p->snap), name, O_RDONLY, err) ==
	    -1) {
		if (err != NULL && err->code == EX_NOINPUT)
			return error_set(err, EX_DATAERR, "%s: missing", name);
		return -1;
	}
	fd_drop(&fd);
	return 0;
}

/* Every file that the envelope names is one, as long as it says. */
static int
check_files(const struct preflight *p, struct error *err)
{
	const struct envelope *e = snap_envelope(p->snap);
	uint64_t size;
	size_t i;

	for (i = 0; i < e->files_n; i++) {
		if (size_of(&size, p, e->files[i].name, err) == -1)
			return -1;
		if (e->files[i].has_digest && e->files[i].size_bytes != size)
			return error_set(err, EX_DATAERR,
			    "%s: %" PRIu64 " bytes, not %" PRIu64,
			    e->files[i].name, size, e->files[i].size_bytes);
	}
	return 0;
}

/* What this hypervisor loads: its memory, exactly, and its state. */
static int
check_memory(const struct preflight *p, struct error *err)
{
	const struct envelope_config *c = &snap_envelope(p->snap)->config;
	uint64_t size;

	if (c->memory_bytes < VM_MEMORY_MIN ||
	    c->memory_bytes > VM_MEMORY_MAX ||
	    c->memory_bytes % VM_MEMORY_MIN != 0)
		return error_set(err, EX_DATAERR,
		    "config.memory: %" PRIu64 " is no size of memory",
		    c->memory_bytes);
	if (c->cpu < 1 || c->cpu > VM_CPU_MAX)
		return error_set(err, EX_DATAERR,
		    "config.cpu: %" PRIu64 " processors", c->cpu);
	if (size_of(&size, p, VM_MEMORY, err) == -1)
		return -1;
	if (size != c->memory_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, the guest has %" PRIu64, VM_MEMORY,
		    size, c->memory_bytes);
	return size_of(&size, p, VM_STATE, err);
}

static int
check_hypervisor(const struct preflight *p, struct error *err)
{
	const struct envelope *e = snap_envelope(p->snap);

	if (vmm_check_hypervisor(e->config.hypervisor, NULL) == -1)
		return error_set(err, EX_CONFIG,
		    "hypervisor %s: no driver for it", e->config.hypervisor);
	if (p->vm != NULL &&
	    strcmp(p->vm->hypervisor, e->config.hypervisor) != 0)
		return error_set(err, EX_CONFIG,
		    "saved from %s, the VM is of %s", e->config.hypervisor,
		    p->vm->hypervisor);
	if (!e->host.present)
		return error_set(err, EX_DATAERR,
		    "the envelope does not say which host saved it");
	return vmm_check_host(&e->host, err);
}

/* The device state must be of this machine and this memory. */
static int
check_state(const struct preflight *p, struct error *err)
{
	const struct envelope *e = snap_envelope(p->snap);
	struct vm vm;
	int rc;

	vm_init(&vm);
	vm.memory_bytes = e->config.memory_bytes;
	memcpy(vm.machine, e->host.machine, sizeof(vm.machine));
	memcpy(vm.hypervisor, "qemu", sizeof("qemu"));
	rc = vmm_state_check(&vm, snap_fd(p->snap), err);
	if (rc == -1 && err != NULL)
		err->code = EX_DATAERR;
	return rc;
}

static const struct envelope_layer *
find_layer(const struct envelope *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->layers_n; i++)
		if (strcmp(e->layers[i].name, name) == 0)
			return &e->layers[i];
	return NULL;
}

/* One file of a chain, with `below` under it (NULL: nothing). */
static int
check_chain_file(const struct preflight *p, const char *name, const char *below,
    uint64_t bytes, struct error *err)
{
	uint64_t size;
	int fd, rc = 0;

	/* A layer is checked where it is: by its digest. */
	if (find_layer(snap_envelope(p->snap), name) != NULL)
		return below == NULL
		    ? 0
		    : error_set(err, EX_DATAERR,
			  "%s: a layer with a backing file", name);
	if (fd_open_file(&fd, &size, snap_fd(p->snap), name, O_RDONLY, err) ==
	    -1) {
		if (err != NULL && err->code == EX_NOINPUT)
			return error_set(err, EX_DATAERR, "%s: missing", name);
		return -1;
	}
	if (strcmp(storage_format(name), "qcow2") == 0)
		rc = qcow2_check(fd, size, bytes, below == NULL ? "" : below,
		    below == NULL ? "" : storage_format(below), name, err);
	else if (below != NULL)
		rc = error_set(err, EX_DATAERR,
		    "%s: a raw disk with a backing file", name);
	else if (bytes != 0 && size != bytes)
		rc = error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, the disk has %" PRIu64, name, size,
		    bytes);
	fd_drop(&fd);
	return rc;
}

static int
check_disks(const struct preflight *p, struct error *err)
{
	const struct envelope *e = snap_envelope(p->snap);
	const struct storage *disk;
	const char *name, *below;
	uint64_t bytes;
	size_t i, k;

	for (i = 0; i < p->sidecar->disks.n; i++) {
		disk = &p->sidecar->disks.v[i];
		bytes = disk->role == STORAGE_COW ? e->config.storage_bytes : 0;
		if (disk->backing.n + 1 > STORAGE_CHAIN_MAX)
			return error_set(err, EX_DATAERR,
			    "disk %zu: a chain of %zu files", i,
			    disk->backing.n + 1);
		for (k = 0; k <= disk->backing.n; k++) {
			name = k == 0 ? path_base(disk->path)
				      : disk->backing.v[k - 1];
			below = k == disk->backing.n ? NULL
						     : disk->backing.v[k];
			if (!path_is_name(name))
				return error_set(err, EX_DATAERR,
				    "disk %zu: file name \"%s\"", i, name);
			if (check_chain_file(p, name, below, k == 0 ? bytes : 0,
				err) == -1)
				return -1;
		}
		if (disk->role == STORAGE_LAYER &&
		    find_layer(e, path_base(disk->path)) == NULL)
			return error_set(err, EX_DATAERR,
			    "disk %zu: layer %s is not in \"layers\"", i,
			    path_base(disk->path));
	}
	return 0;
}

/* kernel, initrd and firmware, where the sidecar has them. */
static int
check_boot_files(const struct preflight *p, struct error *err)
{
	const struct {
		const char *name;
		const char *said;
	} files[] = {
		{ VM_KERNEL, p->sidecar->kernel },
		{ VM_INITRD, p->sidecar->initrd },
		{ VM_FIRMWARE, p->sidecar->firmware },
	};
	uint64_t size;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i].said != NULL &&
		    size_of(&size, p, files[i].name, err) == -1)
			return -1;
	return 0;
}

/* Whether what lies at `path` is the layer. */
static bool
is_layer_at(const struct envelope_layer *layer, const char *path)
{
	struct digest digest;
	uint64_t size;
	bool is;
	int fd;

	if (fd_open_file(&fd, &size, AT_FDCWD, path, O_RDONLY, NULL) == -1)
		return false;
	is = size == layer->size_bytes &&
	    digest_file(&digest, fd, size, path, NULL) == 0 &&
	    digest_equal(&digest, &layer->digest);
	fd_drop(&fd);
	return is;
}

/* In layer/ by digest, else where it lay when it was saved. */
static int
check_layers(const struct preflight *p, struct error *err)
{
	const struct envelope *e = snap_envelope(p->snap);
	const struct envelope_layer *layer;
	char text[DIGEST_TEXT_MAX];
	uint64_t size;
	size_t i;
	int fd;

	for (i = 0; i < e->layers_n; i++) {
		layer = &e->layers[i];
		if (root_layer_open(&fd, &size, p->root, &layer->digest,
			NULL) == 0) {
			fd_drop(&fd);
			if (size == layer->size_bytes)
				continue;
		} else if (layer->path != NULL &&
		    is_layer_at(layer, layer->path))
			continue;
		digest_text(text, &layer->digest);
		return error_set(err, EX_CONFIG, "layer %s (%s) is not here",
		    layer->name, text);
	}
	return 0;
}

/* The VM's disks begin with the snapshot's; what is more is its seed. */
static int
check_roles(const struct preflight *p, struct error *err)
{
	const struct storage_list *s = &p->sidecar->disks;
	const struct storage_list *v;
	size_t i;

	if (p->vm == NULL)
		return 0;
	v = &p->vm->disks;
	if (s->n > v->n)
		return error_set(err, EX_CONFIG,
		    "%zu disks were saved, the VM has %zu", s->n, v->n);
	for (i = 0; i < v->n; i++) {
		if (i >= s->n && v->v[i].role != STORAGE_CIDATA)
			return error_set(err, EX_CONFIG,
			    "disk %zu of the VM (%s) was not saved", i,
			    storage_role_name(v->v[i].role));
		if (i < s->n &&
		    (v->v[i].role != s->v[i].role ||
			strcmp(v->v[i].serial, s->v[i].serial) != 0))
			return error_set(err, EX_CONFIG,
			    "disk %zu: %s \"%s\" was saved, the VM has %s "
			    "\"%s\"",
			    i, storage_role_name(s->v[i].role), s->v[i].serial,
			    storage_role_name(v->v[i].role), v->v[i].serial);
	}
	return 0;
}

/* A user NIC's state is in the stream, a tap's is not: kinds must match. */
static int
check_nics(const struct preflight *p, struct error *err)
{
	const struct nic_list *s = &p->sidecar->nics;
	size_t i;

	if (s->n != snap_envelope(p->snap)->config.nics)
		return error_set(err, EX_DATAERR,
		    "config.nics is %" PRIu64 ", the sidecar has %zu",
		    snap_envelope(p->snap)->config.nics, s->n);
	if (p->vm == NULL)
		return 0;
	if (s->n != p->vm->nics.n)
		return error_set(err, EX_CONFIG,
		    "%zu NICs were saved, the VM has %zu", s->n, p->vm->nics.n);
	for (i = 0; i < s->n; i++)
		if ((s->v[i].kind == NIC_USER) !=
		    (p->vm->nics.v[i].kind == NIC_USER))
			return error_set(err, EX_CONFIG,
			    "NIC %zu: %s was saved, the VM has %s", i,
			    nic_kind_name(s->v[i].kind),
			    nic_kind_name(p->vm->nics.v[i].kind));
	return 0;
}

static int
check_digests(const struct preflight *p, struct error *err)
{
	const struct envelope *e = snap_envelope(p->snap);
	const struct envelope_file *file;
	struct digest digest;
	uint64_t size;
	size_t i;
	int fd, rc;

	for (i = 0; i < e->files_n; i++) {
		file = &e->files[i];
		if (!file->has_digest ||
		    (!p->verify && file->size_bytes > PREFLIGHT_SMALL_BYTES))
			continue;
		if (fd_open_file(&fd, &size, snap_fd(p->snap), file->name,
			O_RDONLY, err) == -1)
			return -1;
		rc = digest_file(&digest, fd, size, file->name, err);
		fd_drop(&fd);
		if (rc == -1)
			return -1;
		if (!digest_equal(&digest, &file->digest))
			return error_set(err, EX_DATAERR,
			    "%s: differs from its digest", file->name);
	}
	return 0;
}

int
preflight_run(const struct preflight *p, struct error *err)
{
	static check *const checks[] = { check_files, check_hypervisor,
		check_memory, check_disks, check_boot_files, check_roles,
		check_nics, check_digests, check_state, check_layers };
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i](p, err) == -1)
			return -1;
	return 0;
}
