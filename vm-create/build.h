/* SPDX-License-Identifier: ISC */
/* The directory of a new VM, made from what the user asked for. */
#ifndef BUILD_H
#define BUILD_H

#include "base/strv.h"
#include "seed/datadisk.h"
#include "state/root.h"
#include "state/vm.h"
#include "state/vm_seed.h"

#include "vmm/flash.h"

/* What --config and the options say; strings are borrowed or owned as said. */
struct plan {
	const char *name; /* or NULL */
	const char *kernel, *initrd, *base; /* paths, or NULL */
	struct flash firmware;
	bool quiet; /* no word on images that are converted */
	struct strv layers; /* paths, owned */
	struct datadisk_list data; /* declared by --data-disk */
	struct storage_list ready; /* given by --storage-config */
	struct vm_seed seed; /* what the guest is told by cloud-init */
	bool wants_seed, no_seed; /* asked for by an option; --no-cidata */
	struct vm vm; /* what of it can be said before anything is made */
};

void plan_init(struct plan *plan);
void plan_fini(struct plan *plan);

/*
 * Makes the VM's directory as planned and publishes it; plan->vm is its record
 * then, and *dir its absolute path, the caller's.  EX_NOINPUT names a file
 * that is missing, EX_CANTCREAT a name that is taken.
 */
int build_vm(struct plan *plan, const struct root *root, char **dir,
    const struct timespec *now, struct error *err);

#endif
