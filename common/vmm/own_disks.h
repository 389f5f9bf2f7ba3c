/* SPDX-License-Identifier: ISC */
/* That nobody else has the disk files that a VMM is about to write. */
#ifndef VMM_OWN_DISKS_H
#define VMM_OWN_DISKS_H

#include <time.h>

#include "base/error.h"
#include "state/vm_at.h"

/*
 * For a VM that is about to start.  A writable file with a second link may be a
 * snapshot's (a root copied by links, an older record put back): the VM goes on
 * in an overlay over it, or in a reflink of it, and the record says so.
 * EX_NOPERM: neither can be had here.
 */
int own_disks(struct vm_at *at, const struct timespec *now, struct error *err);

/*
 * vm->machine.storage_bytes becomes the size that the root disk has, where
 * there is one: somebody may have changed it.  EX_DATAERR, EX_NOINPUT.
 */
int own_disks_storage(struct vm *vm, int dirfd, struct error *err);

#endif
