/* SPDX-License-Identifier: ISC */
/* Whether a snapshot fits this host, and the VM it is to be put into. */
#include "vmm/preflight_check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "disk/fs.h"
#include "snapshot/manifest.h"
#include "state/layerfile.h"
#include "vmm/vmm.h"

/* Of a state that others saved, the VMM says it when it is loaded. */
static bool
is_left_to_vmm(const struct envelope *e)
{
	return e->machine.cpu == 0 && !e->host.present &&
	    vmm_traits(e->machine.hypervisor)->names_disks;
}

int
preflight_hypervisor(struct preflight *p, struct error *err)
{
	const struct envelope *e = p->envelope;

	if (vmm_check_hypervisor(e->machine.hypervisor, NULL) == -1)
		return error_set(err, EX_CONFIG,
		    "hypervisor %s: no driver for it", e->machine.hypervisor);
	if (p->vm != NULL &&
	    strcmp(p->vm->machine.hypervisor, e->machine.hypervisor) != 0)
		return error_set(err, EX_CONFIG,
		    "saved from %s, the VM is of %s", e->machine.hypervisor,
		    p->vm->machine.hypervisor);
	if (!is_left_to_vmm(e) &&
	    (e->machine.cpu < 1 || e->machine.cpu > VM_CPU_MAX))
		return error_set(err, EX_DATAERR,
		    "config.cpu: %" PRIu64 " processors", e->machine.cpu);
	if (!e->host.present)
		return vmm_traits(e->machine.hypervisor)->needs_host
		    ? error_set(err, EX_DATAERR,
			  "the envelope does not say which host saved it")
		    : 0;
	if (strcmp(e->host.vmm, e->machine.hypervisor) != 0)
		return error_set(err, EX_CONFIG,
		    "config.hypervisor is %s, host.vmm %s",
		    e->machine.hypervisor, e->host.vmm);
	return vmm_check_host(&e->host, &p->sidecar, err);
}

/* Emulated processors are threads: any host has enough. */
int
preflight_processors(struct preflight *p, struct error *err)
{
	const struct envelope *e = p->envelope;
	long here = sysconf(_SC_NPROCESSORS_ONLN);

	if (is_left_to_vmm(e) || strcmp(e->host.accel, "tcg") == 0 ||
	    here < 1 || e->machine.cpu <= (uint64_t)here ||
	    (p->vm != NULL && e->machine.cpu <= p->vm->machine.cpu))
		return 0;
	return error_set(err, EX_CONFIG,
	    "saved with %" PRIu64 " processors, this host has %ld",
	    e->machine.cpu, here);
}

/*
 * The VM's disks begin with the snapshot's; what either has more is a seed,
 * which a VM loses after its first boot.
 */
int
preflight_roles(struct preflight *p, struct error *err)
{
	const struct storage_list *s = &p->sidecar.machine.disks;
	const struct storage_list *v;
	size_t i, saved = s->n;

	if (p->vm == NULL)
		return 0;
	v = &p->vm->machine.disks;
	if (saved > v->n && s->v[saved - 1].role == STORAGE_CIDATA)
		saved--;
	if (saved > v->n)
		return error_set(err, EX_CONFIG,
		    "%zu disks were saved, the VM has %zu", saved, v->n);
	for (i = 0; i < v->n; i++) {
		if (i >= saved && v->v[i].role != STORAGE_CIDATA)
			return error_set(err, EX_CONFIG,
			    "disk %zu of the VM (%s) was not saved", i,
			    storage_role_name(v->v[i].role));
		if (i < saved &&
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
int
preflight_nics(struct preflight *p, struct error *err)
{
	const struct nic_list *s = &p->sidecar.machine.nics;
	uint64_t said = p->envelope->config.nics;
	size_t i;

	if (s->n != said)
		return error_set(err, EX_DATAERR,
		    "config.nics is %" PRIu64 ", the sidecar has %zu", said,
		    s->n);
	if (p->vm == NULL)
		return 0;
	if (s->n != p->vm->machine.nics.n)
		return error_set(err, EX_CONFIG,
		    "%zu NICs were saved, the VM has %zu", s->n,
		    p->vm->machine.nics.n);
	for (i = 0; i < s->n; i++)
		if ((s->v[i].kind == NIC_USER) !=
		    (p->vm->machine.nics.v[i].kind == NIC_USER))
			return error_set(err, EX_CONFIG,
			    "NIC %zu: %s was saved, the VM has %s", i,
			    nic_kind_name(s->v[i].kind),
			    nic_kind_name(p->vm->machine.nics.v[i].kind));
	return 0;
}

/*
 * 1: in layer/, and as its digest says; 0: not there, or --verify is to read it;
 * -1: somebody has written to it.
 */
static int
is_in_root(const struct preflight *p, const struct layer *layer,
    struct error *err)
{
	struct error why = { 0 };
	uint64_t size;

	if (p->verify || p->root == NULL)
		return 0;
	if (root_layer_check(&size, p->root, &layer->digest, &why) == 0)
		return size == layer->size_bytes;
	if (why.code != EX_DATAERR)
		return 0;
	return error_set(err, why.code, "layer %s: %s", layer->name, why.msg);
}

/* In layer/ or the directory, else where it lay when it was saved. */
int
preflight_layers(struct preflight *p, struct error *err)
{
	const struct layer *layer;
	int fd, rc;
	size_t i;

	for (i = 0; i < p->envelope->machine.layers.n; i++) {
		layer = &p->envelope->machine.layers.v[i];
		rc = is_in_root(p, layer, err);
		if (rc == -1)
			return -1;
		if (rc == 1)
			continue;
		if (layerfile_find(&fd, p->root, p->dirfd, layer, NULL) == -1)
			return layerfile_absent(layer, p->root, EX_CONFIG, err);
		rc = p->verify
		    ? manifest_read_layer(layer, fd, layer->size_bytes, err)
		    : 0;
		fd_drop(&fd);
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* For all copies. */
static int
cost_of(uint64_t *need, const struct preflight *p, const struct load *load,
    bool at_most, struct error *err)
{
	if (load_cost(need, load, at_most, err) == -1)
		return -1;
	if (p->copies > 1 && ckd_mul(need, *need, p->copies))
		*need = UINT64_MAX;
	return 0;
}

int
preflight_space(struct preflight *p, struct error *err)
{
	const struct load load = { .root = p->root,
		.envelope = p->envelope,
		.from_dirfd = p->dirfd,
		.sidecar = &p->sidecar,
		.disks = p->disks,
		.copy_memory = p->copy_memory,
		.in_place = p->in_place };
	uint64_t need, left;

	/* Most often it is enough without asking what the filesystem can. */
	if (fs_free_bytes(&left, root_fd(p->root), err) == -1 ||
	    cost_of(&need, p, &load, true, err) == -1)
		return -1;
	if (need <= left)
		return 0;
	if (cost_of(&need, p, &load, false, err) == -1)
		return -1;
	if (need <= left)
		return 0;
	return error_set(err, EX_IOERR,
	    "no space: %" PRIu64 " bytes would be copied, %" PRIu64 " are free",
	    need, left);
}
