/* SPDX-License-Identifier: ISC */
/* What of a VM is to change, and the record that it comes to. */
#ifndef CHANGE_H
#define CHANGE_H

#include "seed/datadisk.h"
#include "state/vm_at.h"
#include "vmm/flash.h"

#include "wishes.h"

/* A disk that becomes larger. */
struct growth {
	size_t disk; /* in vm.machine.disks */
	uint64_t before, bytes;
};

struct change {
	struct vm_at *at; /* borrowed; its record is that to be */
	const struct wishes *wishes; /* borrowed */
	/* What the VM boots from now on, as wishes->boot has it. */
	const char *boot[MACHINE_BOOT_FILES];
	struct flash firmware; /* holds two of these */
	struct growth grow[STORAGE_MAX];
	size_t grow_n;
	struct datadisk_list data; /* to be made */
	struct nic_list old_nics; /* of one that runs, with new forwards */
	struct strv gone; /* files that the VM has no more */
};

/*
 * Makes of the VM's record what is wished, and nothing in its directory but
 * what own_disks() does.
 * EX_USAGE names the option.  EX_NOPERM: the VM runs, or is still to be loaded
 * from a snapshot.  EX_DATAERR: a filesystem that cannot be made larger here.
 */
int change_plan(struct change *c, const struct timespec *now,
    struct error *err);

void change_fini(struct change *c);

#endif
