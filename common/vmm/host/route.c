/* SPDX-License-Identifier: ISC */
#include "vmm/host/route.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

/* The first `len` bytes of `text` as an IPv4 address. */
static bool
take_address(struct route *out, const char *text, size_t len)
{
	struct in_addr addr;

	if (len >= sizeof(out->addr))
		return false;
	memcpy(out->addr, text, len);
	out->addr[len] = '\0';
	return inet_pton(AF_INET, out->addr, &addr) == 1;
}

static bool
find_forward(struct route *out, const struct vm *vm)
{
	const struct nic_forward *f;
	const struct nic *nic;
	size_t i, k;

	for (i = 0; i < vm->machine.nics.n; i++)
		for (k = 0; k < vm->machine.nics.v[i].forwards_n; k++) {
			nic = &vm->machine.nics.v[i];
			f = &nic->forwards[k];
			if (f->guest_port != ROUTE_SSH_PORT ||
			    !take_address(out, f->addr, strlen(f->addr)))
				continue;
			out->port = f->host_port != 0 ? f->host_port : f->port;
			/* All addresses of the host. */
			if (strcmp(out->addr, "0.0.0.0") == 0)
				take_address(out, "127.0.0.1", 9);
			out->is_forward = true;
			return true;
		}
	return false;
}

/* A user-mode NIC's address is one of a network that only the guest sees. */
static const struct nic *
find_link(const struct vm *vm, bool with_address)
{
	const struct nic *nic;
	size_t i;

	for (i = 0; i < vm->machine.nics.n; i++) {
		nic = &vm->machine.nics.v[i];
		if (nic->kind != NIC_USER &&
		    (!with_address || nic->ip[0] != '\0'))
			return nic;
	}
	return NULL;
}

/*
 * Linux, Documentation/admin-guide/nfs/nfsroot.rst: a word "ip=CLIENT:...", or
 * one that says how to ask for an address.
 */
static bool
find_in_cmdline(struct route *out, const char *cmdline)
{
	const char *word = cmdline;

	while (word != NULL && *word != '\0') {
		word += strspn(word, " ");
		if (strncmp(word, "ip=", 3) == 0 &&
		    take_address(out, word + 3, strcspn(word + 3, ": ")))
			return true;
		word += strcspn(word, " ");
	}
	return false;
}

static int
tell_missing(const struct vm *vm, struct error *err)
{
	const struct nic *nic = find_link(vm, false);

	if (vm->machine.nics.n == 0)
		return error_set(err, EX_CONFIG,
		    "it has no NIC: vm-set --nic user,forward=0:22 gives it "
		    "one while it is stopped");
	if (nic == NULL)
		return error_set(err, EX_CONFIG,
		    "no port of this host leads to the guest's port %d: "
		    "vm-set --nic user,forward=0:%d opens one",
		    ROUTE_SSH_PORT, ROUTE_SSH_PORT);
	return error_set(err, EX_CONFIG,
	    "its guest's address is not known: vm-create and vm-set take it, "
	    "as --nic %s=%s,ip=addr/prefix",
	    nic_kind_name(nic->kind), nic->ifname);
}

int
route_find(struct route *out, const struct vm *vm, struct error *err)
{
	struct route route = { .port = ROUTE_SSH_PORT };
	const struct nic *nic = find_link(vm, true);
	bool found;

	if (find_forward(&route, vm)) {
		*out = route;
		return 0;
	}
	route = (struct route){ .port = ROUTE_SSH_PORT };
	if (nic != NULL)
		found = take_address(&route, nic->ip, strcspn(nic->ip, "/"));
	else {
		nic = find_link(vm, false);
		found = nic != NULL &&
		    find_in_cmdline(&route, vm->machine.cmdline);
	}
	if (!found)
		return tell_missing(vm, err);
	route.link_down = nic->link_down;
	*out = route;
	return 0;
}

int
route_check_known(const struct route *route, struct error *err)
{
	return route->port != 0
	    ? 0
	    : error_set(err, EX_TEMPFAIL,
		  "its port of this host is not known yet: it is starting");
}

bool
route_is_same(const struct route *a, const struct route *b)
{
	return a->port == b->port && strcmp(a->addr, b->addr) == 0;
}
