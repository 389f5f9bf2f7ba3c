/* SPDX-License-Identifier: ISC */
/* A disk of a VM of ours, as it is at one moment. */
#ifndef VMDISK_H
#define VMDISK_H

#include "base/error.h"
#include "vmm/quiesce.h"

#include "source.h"

/*
 * Opens the disk `name` ("cow", "cidata", or a data disk's name) of the VM
 * `ref` of the state root at `root` (NULL: the default), running or not.  A guest that runs stands still while the disk is
 * reflinked, or while it gets an overlay to go on in; a VM that does not run is
 * held by its lock where its disk cannot be reflinked.  *label, "VM-DISK", is
 * the caller's to free.  A guest that runs is frozen as *quiesce says, which tells
 * what came of it; one that does not run needs no freeze.  EX_NOINPUT: no such VM or disk.  EX_TEMPFAIL:
 * somebody changes the VM, or removes it.
 */
int vmdisk_open(struct source *out, char **label, const char *root,
    const char *ref, const char *name, struct quiesce *quiesce,
    struct error *err);

#endif
