/* SPDX-License-Identifier: ISC */
/*
 * A guest that runs, its disks brought to a standstill for a moment: by a
 * reflink inside a pause, or by a new overlay in which the guest goes on, so
 * that the file under it is written by nobody any more.
 *
 * The order loses nothing, whatever is killed: overlays are made, then the
 * record names them (an empty overlay reads as what lies under it), then a
 * watcher is started, the guest is paused, the VMM switches, the caller takes
 * what must be of one moment, and the guest goes on.  When the VMM did not say
 * that it switched, it is asked which files it has open before anything is
 * undone: it may have switched all the same.
 */
#ifndef VMM_FREEZE_H
#define VMM_FREEZE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "state/vm_at.h"
#include "vmm/quiesce.h"
#include "vmm/vmm.h"

/* How a disk comes to a standstill. */
enum freeze_way {
	FREEZE_AS_IT_IS, /* nobody writes it, or nobody asked for it */
	FREEZE_REFLINK, /* by the caller, inside the pause */
	FREEZE_SWITCH /* the guest goes on in an overlay */
};

/* What is done, as the caller is told. */
enum freeze_step {
	FREEZE_PREPARED, /* overlays are made, recorded, and open */
	FREEZE_WATCHED,
	FREEZE_QUIET, /* the guest's filesystems are, if they can: the pause begins */
	FREEZE_PAUSED,
	FREEZE_SWITCHED,
	FREEZE_RESUMED, /* or left as it was; nothing of the pause follows */
	FREEZE_THAWED /* its filesystems go on, if they stood still */
};

struct freeze {
	/* All borrowed; the lock is held, and `vmm` is the line of control. */
	struct vm_at *at;
	struct vmm *vmm;
	struct timespec now; /* for the record */
	bool was_paused; /* and is to stay so: there is no watcher */
	bool stop; /* the VMM ends in the pause: it is not asked to switch */

	/* What must be of one moment, with the guest standing still. */
	int (*capture)(void *arg, struct error *err);
	void (*step)(void *arg, enum freeze_step step); /* or NULL */
	void *arg;

	struct quiesce quiesce; /* what is wanted of the guest's filesystems */

	bool ended; /* set by `capture`: the VMM is no more */

	enum freeze_way ways[STORAGE_MAX]; /* by freeze_plan() */
	char *overlays[STORAGE_MAX]; /* FREEZE_SWITCH: owned, else NULL */
	bool switches; /* some disk is to be switched */
	bool added; /* the VMM has the overlays open */
	bool switched; /* the guest is on the overlays, as the VM's disks are */
	/* The VM's disks as the switch makes them; afterwards as they were. */
	struct storage_list other;
};

/*
 * Decides what is to happen to disk `i`; `reflinks` says whether this
 * filesystem has any.  Where the VMM cannot switch, the way is a reflink
 * whether or not it can be had.  EX_DATAERR.
 */
int freeze_plan(struct freeze *f, size_t i, bool reflinks, struct error *err);

/*
 * The whole sequence, for the disks that were planned.  When it fails, the
 * guest goes on as it was all the same, its filesystems too, if need be by the watcher, which then
 * has the lock until it does; signals are ignored from then on; the VM's disks
 * here and in the record are those the VMM has open, as far as it can be asked.
 */
int freeze_guest(struct freeze *f, struct error *err);

/* The disks as they stood still.  Borrowed. */
const struct storage_list *freeze_disks(const struct freeze *f);

/* Takes one that is all zero, too. */
void freeze_fini(struct freeze *f);

#endif
