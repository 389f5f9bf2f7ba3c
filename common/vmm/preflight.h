/* SPDX-License-Identifier: ISC */
/*
 * One table of what must hold before a snapshot is taken in, cloned or
 * restored.  Nothing is written and no VM is touched.
 */
#ifndef VMM_PREFLIGHT_H
#define VMM_PREFLIGHT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "snapshot/envelope.h"
#include "snapshot/sidecar.h"
#include "state/root.h"
#include "state/vm.h"
#include "vmm/load.h"

#define PREFLIGHT_SMALL_BYTES                                                  \
	(8u << 20) /* files up to this are always hashed */
#define PREFLIGHT_CHECKS 15

struct preflight {
	int dirfd; /* the snapshot's directory */
	const struct envelope *envelope; /* borrowed, as all that follows */
	const struct root *root; /* NULL: an import */
	/* In the root's store; or NULL.  Its larger files may be known already. */
	const char *snap_id;
	const struct vm *vm; /* the VM to restore into; NULL: a clone */
	bool is_unlisted; /* the files are a VM's, about to be saved */
	bool verify; /* digests of all files, not only of small ones */
	bool bytes_later; /* what reads files is left to preflight_late() */
	/* It was loaded with to_check: what its driver has looked at is done. */
	bool is_loaded;
	/* How much will be copied: */
	enum load_disks disks;
	bool copy_memory;
	size_t copies; /* 0 is 1 */
	/*
	 * As in struct load; with is_unlisted where the VM's links lead to, or
	 * NULL.
	 */
	const char *in_place;
	/* Set by the checks: */
	/* Its machine is all of it: with what the envelope tells. */
	struct sidecar sidecar; /* sidecar_fini() */
	double ms[PREFLIGHT_CHECKS]; /* what each has taken */
};

/*
 * The checks that need no hypervisor, for an import: files there, regular and
 * as long as recorded, names, sidecar, size of the disk.  The digests are left
 * to who copies the bytes.  EX_DATAERR.
 */
int preflight_form(struct preflight *p, struct error *err);

/*
 * The same, and what every clone will ask of it wherever that is: the disks
 * and boot files that the sidecar tells of.  One without a sidecar, or of a
 * hypervisor that nobody knows, has its form alone.  EX_DATAERR.
 */
int preflight_whole(struct preflight *p, struct error *err);

/* The disks alone, by p->sidecar and in any directory that has their files. */
int preflight_disks(struct preflight *p, struct error *err);

/*
 * Every check.  EX_DATAERR: the snapshot is not whole, or its parts do not
 * agree.  EX_CONFIG: it does not fit this host, or the VM.  EX_IOERR: no room.
 */
int preflight_run(struct preflight *p, struct error *err);

/*
 * The digests, and what the device state says, for who has better things to do
 * first: they must be right when the snapshot is loaded.  EX_DATAERR.
 */
int preflight_late(struct preflight *p, struct error *err);

/* Member "checks": {NAME: MS} of all that ran. */
int preflight_put_checks(json_t *record, const struct preflight *p,
    struct error *err);

#endif
