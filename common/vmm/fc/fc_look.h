/* SPDX-License-Identifier: ISC */
/*
 * What a VM's start must know of a device state, found in a process of its own:
 * the state was made by somebody.
 */
#ifndef VMM_FC_LOOK_H
#define VMM_FC_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "snapshot/nic.h"
#include "snapshot/storage.h"
#include "vmm/fc/fc_state.h"

struct fc_look {
	struct fc_state state;
	bool has_vsock;
	char nic_id[FC_STATE_ID]; /* of its only NIC, else "" */
	char macs[NIC_MAX + 1][FC_STATE_MAC]; /* those that it has as text */
	size_t macs_n; /* NIC_MAX + 1: more than a VM may have */
};

/*
 * Looks at the file `name`, and for a drive of each of `disks` (or NULL), by
 * the path that is recorded.  EX_NOINPUT, EX_DATAERR; messages begin with
 * `name`.
 */
int fc_look(struct fc_look *out, int dirfd, const char *name,
    const struct storage_list *disks, struct error *err);

#endif
