/* SPDX-License-Identifier: ISC */
/* Where a VM's ssh server is to be found from here. */
#ifndef VMM_ROUTE_H
#define VMM_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "state/vm.h"

#define ROUTE_SSH_PORT 22 /* of the guest; RFC 4253, section 4.1 */

struct route {
	char addr[16]; /* IPv4, dotted */
	uint16_t port; /* 0: any free one, of which no record tells yet */
	bool is_forward; /* of this host, to the guest's ROUTE_SSH_PORT */
	bool link_down; /* the NIC is unplugged until somebody says otherwise */
};

/*
 * Of a VM that runs: the first forward to ROUTE_SSH_PORT, else the address that
 * its record has of a NIC, else the one that the kernel's command line has
 * ("ip=").  While it starts the port of a forward may not be known yet, and is 0.
 * EX_CONFIG says what is missing and what would give it.
 */
int route_find(struct route *out, const struct vm *vm, struct error *err);

/* The port must be known now.  EX_TEMPFAIL: it is not yet. */
int route_check_known(const struct route *route, struct error *err);

/* Whether both lead to the same place. */
bool route_is_same(const struct route *a, const struct route *b);

#endif
