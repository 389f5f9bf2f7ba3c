/* SPDX-License-Identifier: ISC */
/*
 * A view of the files of its own for a Firecracker that loads a state which
 * others saved: where that names a disk of the saved VM, this process, and no
 * other, sees the disk of the new one.
 */
#ifndef VMM_FC_SPACE_H
#define VMM_FC_SPACE_H

#include "vmm/fc/fc.h"

struct fc_space {
	const struct vm *vm; /* borrowed */
	char *program; /* absolute, or NULL */
};

/*
 * Whether a disk can be put at the name: an absolute path of plain components,
 * or one such component alone.
 */
bool fc_space_can_replace(const char *origin);

/*
 * The same of all disks, none of which may have a plain name that another's file
 * has, or another's state: one of the two would be the other.  EX_DATAERR.
 */
int fc_space_check(const struct storage_list *disks, struct error *err);

/* Whether the state names a disk of the VM by another name than its own. */
bool fc_space_is_needed(const struct vm *vm);

/*
 * Checks the names, and puts those that are plain names into the directory as
 * links.  EX_DATAERR: a name that nothing can be put at, or where something is
 * that is no such link.  EX_NOPERM: absolute
 * paths need root, for the mounts.  The space is the caller's (fc_space_fini).
 */
int fc_space_prepare(struct fc_space *space, const struct vm *vm, int dirfd,
    struct error *err);
void fc_space_fini(struct fc_space *space);

/* For proc_spawn: in the process, in the VM's directory. */
int fc_space_enter(void *space);

/*
 * With the state loaded: drives are opened anew by their own names, so that
 * the next state names these; what fc_space_prepare() made goes.
 */
int fc_space_leave(struct vmm *vmm, int64_t deadline_ms, struct error *err);

#endif
