/* SPDX-License-Identifier: ISC */
/*
 * A snapshot made into a VM's directory: linked, reflinked, only copied where
 * nothing else is possible.  The snapshot is only read.
 */
#ifndef VMM_LOAD_H
#define VMM_LOAD_H

#include "base/error.h"
#include "snapshot/envelope.h"
#include "snapshot/sidecar.h"
#include "state/root.h"
#include "state/vm.h"
#include "state/vm_seed.h"

enum load_disks {
	LOAD_DISKS_AUTO, /* reflink where it works, else overlay */
	LOAD_DISKS_REFLINK,
	LOAD_DISKS_OVERLAY,
	LOAD_DISKS_COPY
};

struct load {
	const struct root *root; /* borrowed, as the next and the sidecar */
	const struct envelope *envelope;
	int from_dirfd; /* the snapshot's directory */
	const struct sidecar *sidecar; /* as preflight_run() leaves it */
	const struct vm_seed *seed; /* in place of the saved one, or NULL */
	enum load_disks disks;
	bool copy_memory; /* a memory of its own in place of the template */
	/*
	 * The absolute path of the snapshot's directory: what else would be
	 * linked lies there and is led to; state/inplace.h.  NULL: no.
	 */
	const char *in_place;
	/*
	 * The state is not looked at yet: where vmm_traits() say so the driver
	 * does it, as the preflight would.
	 */
	bool to_check;
	bool has_places; /* load_make_places() was there */
	bool has_template; /* and has linked the memory */
};

/*
 * Fills `vm` (from vm_init()) with the machine that was saved, as it will be
 * in its new directory: NICs as they were, nothing of its identity.
 */
int load_record(struct vm *vm, const struct load *load, struct error *err);

/*
 * Ahead of load_populate(), for a VMM that is started before it: in the place
 * of each file that this one will write an empty one, which it is going to be
 * whatever comes into it, so that rules can be made for it; the memory linked,
 * where it is shared and can be; and the layers.  Not in place.
 */
int load_make_places(struct vm *vm, int dirfd, struct load *load,
    struct error *err);

/*
 * Puts memory, state, disks, layers and boot files into the directory, and the
 * disks' names and the memory's backing into `vm`.  EX_UNAVAILABLE: this
 * filesystem cannot do what --disk-mode asks for.  EX_IOERR, no space among it.
 */
int load_populate(struct vm *vm, int dirfd, const struct load *load,
    struct error *err);

/*
 * The memory linked as the template, or with `copy_memory` a memory of the VM's
 * own; the files of the state linked; and what most drivers do: both.
 */
int load_put_memory(struct vm *vm, int dirfd, const struct load *load,
    struct error *err);
int load_put_state(struct vm *vm, int dirfd, const struct load *load,
    struct error *err);
int load_put_guest(struct vm *vm, int dirfd, const struct load *load,
    struct error *err);

/*
 * The layers by their digests into the VM's directory; one that is elsewhere is
 * taken into the root, or left in place.  EX_CONFIG: it is not to be had.
 */
int load_put_layers(const struct vm *vm, int dirfd, const struct load *load,
    struct error *err);

/* One file of the snapshot into the VM's directory, by what COPY_MAY_* say. */
int load_put(const struct load *load, int dirfd, const char *to,
    const char *from, unsigned may, struct error *err);

/* The same for one that is large and that nobody writes: in place a link. */
int load_share(const struct load *load, int dirfd, const char *to,
    const char *from, unsigned may, struct error *err);

/* load_put() for the memory, and how it went into vm->memory_from. */
int load_put_template(struct vm *vm, int dirfd, const struct load *load,
    unsigned may, struct error *err);

/*
 * Whether the boot file `name`, of which the sidecar says `said` (or NULL), is
 * the snapshot's: what others recorded by an absolute path may be elsewhere.
 */
bool load_has_boot_file(int dirfd, const char *name, const char *said);

/* The file with the guest's memory: the VMM's dump where there is one. */
const char *load_memory_name(const struct load *load);

/*
 * How many bytes load_populate() would have to copy, as far as can be told
 * before: what can be linked or reflinked costs nothing.  Whether it can be
 * reflinked is found out by a trial, which takes longer than all the rest;
 * `at_most` makes none and takes it that it cannot.
 */
int load_cost(uint64_t *bytes, const struct load *load, bool at_most,
    struct error *err);

/* Whether we could open the snapshot's file for writing. */
bool load_may_write(const struct load *load, const char *name);

/* What may be done with a disk that is only read: a seed is made anew. */
unsigned load_disk_may(const struct load *load, const struct storage *disk);

/*
 * Whether the VMM could map the snapshot's file: some open it for writing, too,
 * and need a copy where they cannot.
 */
bool load_may_map(const struct load *load, const char *name);

/*
 * Has what the snapshot's working set names read into the page cache, by a
 * process of its own that nobody waits for; whoever maps the memory waits for
 * what is on its way at most.  There is none where the page cache has it
 * already, as mincore(2) tells, nor where the memory is not mapped.  EX_DATAERR:
 * the set is wrong; nothing else depends on it.
 */
int load_read_ahead(const struct load *load, struct error *err);

/*
 * Asks the page cache to let go of the snapshot's memory, what others have mapped
 * aside: what is there comes along with a touched page near it, and nobody could
 * tell the two apart.
 */
void load_forget(const struct load *load);

#endif
