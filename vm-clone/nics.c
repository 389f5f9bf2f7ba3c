/* SPDX-License-Identifier: ISC */
#include "nics.h"

#include <stdio.h>

#include "vmm/vmm.h"

/* What the host has once, or the clones' network, is for one of them alone. */
static int
check_count(const struct nic *nic, const char *spec, size_t count,
    struct error *err)
{
	size_t i;

	if (count < 2)
		return 0;
	for (i = 0; i < nic->forwards_n; i++)
		if (nic->forwards[i].port != 0)
			return error_set(err, EX_USAGE,
			    "--nic %s: port %u of the host is for one clone, "
			    "not %zu; port 0 is a free one for each",
			    spec, nic->forwards[i].port, count);
	if (nic->kind == NIC_TAP)
		return error_set(err, EX_USAGE,
		    "--nic %s: a tap is for one clone, not %zu", spec, count);
	if (nic->kind == NIC_BRIDGE && nic->said_mac == NIC_MAC_GIVEN)
		return error_set(err, EX_USAGE,
		    "--nic %s: a MAC is for one clone, not %zu", spec, count);
	return 0;
}

int
nics_parse(struct nic_list *out, const struct clone_how *how,
    const struct nic_list *saved, struct error *err)
{
	const struct nic *nic;
	size_t i;

	if (how->nics.n == 0)
		return 0;
	if (how->nics.n != saved->n)
		return error_set(err, EX_USAGE,
		    "--nic: given %zu times, the snapshot has %zu NICs",
		    how->nics.n, saved->n);
	for (i = 0; i < saved->n; i++) {
		if (nic_list_parse(out, how->nics.v[i], err) == -1)
			return -1;
		nic = &out->v[i];
		if ((nic->kind == NIC_USER) != (saved->v[i].kind == NIC_USER))
			return error_set(err, EX_CONFIG,
			    "--nic %s: the snapshot's NIC %zu is of kind %s",
			    how->nics.v[i], i, nic_kind_name(saved->v[i].kind));
		if (check_count(nic, how->nics.v[i], how->count, err) == -1)
			return -1;
	}
	return 0;
}

/*
 * A user NIC keeps the saved MAC: it has a network of its own, where another
 * one gets another address when the guest boots, and the forwards do not lead
 * there.  On a tap or bridge each clone needs its own.
 */
static int
give_mac(struct nic *nic, const struct nic *saved, bool same, struct error *err)
{
	if (same || (nic->kind == NIC_USER && nic->said_mac == NIC_MAC_UNSAID))
		snprintf(nic->mac, sizeof(nic->mac), "%s", saved->mac);
	else if (nic->said_mac != NIC_MAC_GIVEN)
		return nic_new_mac(nic->mac, err);
	return 0;
}

int
nics_give(struct machine *m, const struct nic_list *given,
    const struct nic_list *saved, bool same_mac, struct error *err)
{
	bool has_links = vmm_traits(m->hypervisor)->has_links;
	struct nic *nic;
	size_t i, k;

	if (given->n > 0) {
		nic_list_fini(&m->nics);
		if (nic_list_copy(&m->nics, given, err) == -1)
			return -1;
	}
	for (i = 0; i < m->nics.n; i++) {
		nic = &m->nics.v[i];
		if (given->n == 0 && nic->kind != NIC_USER)
			return error_set(err, EX_USAGE,
			    "the snapshot's NIC %zu is of kind %s: say with "
			    "--nic where the clone's goes",
			    i, nic_kind_name(nic->kind));
		for (k = 0; given->n == 0 && k < nic->forwards_n; k++)
			nic->forwards[k].port = 0;
		nic->link_down = nic->kind != NIC_USER && has_links &&
		    !same_mac;
		if (give_mac(nic, &saved->v[i], same_mac, err) == -1)
			return -1;
	}
	nic_list_compare(&m->nics, saved);
	return 0;
}
