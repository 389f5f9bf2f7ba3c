/* SPDX-License-Identifier: ISC */
#include "live.h"

#include <string.h>

#include "base/clock.h"
#include "base/hook.h"
#include "vmm/vmm.h"

#include "disks.h"
#include "nics.h"

static int
refuse(const char *what, struct error *err)
{
	return error_set(err, EX_NOPERM,
	    "running: %s can change now; vm-stop first", what);
}

/* Whether they are the same to the guest. */
static bool
is_same_nic(const struct nic *a, const struct nic *b)
{
	return a->kind == b->kind && a->restricted == b->restricted &&
	    strcmp(a->mac, b->mac) == 0 && strcmp(a->ifname, b->ifname) == 0 &&
	    strcmp(a->ip, b->ip) == 0 && strcmp(a->gw, b->gw) == 0;
}

static bool
are_same_nics(const struct nic_list *a, const struct nic_list *b)
{
	size_t i;

	for (i = 0; i < a->n && a->n == b->n; i++)
		if (!is_same_nic(&a->v[i], &b->v[i]))
			return false;
	return a->n == b->n;
}

/* A forward that stays, to any port, keeps the one that it has. */
static void
keep_ports(struct nic *to, const struct nic *from)
{
	struct nic_forward *now;
	const struct nic_forward *was;
	size_t i, k;

	to->link_down = from->link_down;
	for (i = 0; i < to->forwards_n; i++)
		for (k = 0; k < from->forwards_n; k++) {
			now = &to->forwards[i];
			was = &from->forwards[k];
			if (now->port == was->port &&
			    now->guest_port == was->guest_port &&
			    strcmp(now->addr, was->addr) == 0)
				now->host_port = was->host_port;
		}
}

static int
plan_forwards(struct change *c, struct error *err)
{
	struct nic_list *nics = &c->at->vm.machine.nics;
	size_t i;

	if (c->wishes->nics.n == 0)
		return 0;
	if (nic_list_copy(&c->old_nics, nics, err) == -1 ||
	    nics_change(&c->at->vm.machine, c->wishes, err) == -1)
		return -1;
	if (!are_same_nics(&c->old_nics, nics))
		return refuse("of its NICs only the forwards", err);
	for (i = 0; i < nics->n; i++)
		keep_ports(&nics->v[i], &c->old_nics.v[i]);
	return 0;
}

int
live_plan(struct change *c, struct error *err)
{
	const struct wishes *w = c->wishes;
	struct wishes rest = *w;

	rest.nics.n = rest.grow.n = 0;
	rest.storage = NULL;
	if (wishes_machine(&rest) || w->grow_fs)
		return refuse("only its name, its description, its forwards "
			      "and the size of its disks",
		    err);
	if (plan_forwards(c, err) == -1 || disks_plan(c, err) == -1)
		return -1;
	if (c->grow_n > 0 &&
	    !vmm_traits(c->at->vm.machine.hypervisor)->can_resize)
		return refuse("only its name and its description", err);
	return 0;
}

static void
swap_nics(struct change *c)
{
	struct nic_list nics = c->at->vm.machine.nics;

	c->at->vm.machine.nics = c->old_nics;
	c->old_nics = nics;
}

/* The old ones go first: a new one may want the port of one of them. */
static int
change_forwards(struct change *c, struct vmm *vmm, struct error *err)
{
	int rc;

	if (c->wishes->nics.n == 0)
		return 0;
	swap_nics(c);
	rc = vmm_set_forwards(vmm, false, err);
	hook_step("set-forwards-given");
	swap_nics(c);
	if (rc == 0 && vmm_take_forwards(vmm, err) == 0)
		return 0;
	vmm_set_forwards(vmm, false, NULL);
	swap_nics(c);
	vmm_take_forwards(vmm, NULL);
	return -1;
}

/* The forwards are the new ones by now, whatever becomes of the disks. */
static int
grow_disks(struct change *c, struct vmm *vmm, struct error *err)
{
	struct machine *m = &c->at->vm.machine;
	const struct growth *g;
	size_t i;

	for (i = 0; i < c->grow_n; i++) {
		g = &c->grow[i];
		if (vmm_resize_disk(vmm, g->disk, g->bytes, err) == -1)
			return -1;
		if (m->disks.v[g->disk].role == STORAGE_COW)
			m->storage_bytes = g->bytes;
	}
	return 0;
}

int
live_apply(struct change *c, const struct timespec *now, struct error *err)
{
	struct vmm *vmm;
	int rc;

	if (vmm_attach(&vmm, &c->at->vm, c->at->dirfd, VMM_CONTROL,
		clock_ms() + VMM_CALL_MS, err) == -1)
		return -1;
	rc = change_forwards(c, vmm, err);
	if (rc == 0) {
		rc = grow_disks(c, vmm, err);
		if (vm_at_write(c->at, true, now, rc == 0 ? err : NULL) == -1)
			rc = -1;
	}
	vmm_detach(vmm);
	return rc;
}
