/* SPDX-License-Identifier: ISC */
/* What a hypervisor's driver is made of; private to vmm/. */
#ifndef VMM_DRIVER_H
#define VMM_DRIVER_H

#include "vmm/intake.h"
#include "vmm/load.h"
#include "vmm/vmm.h"

/*
 * The functions behind vmm/vmm.h.  Those that say so may be NULL: then there is
 * nothing for them to do.
 */
struct vmm_driver {
	const char *name;
	struct vmm_traits traits;
	/* Files in a VM's directory that the traits do not name; or NULL. */
	const char *const *files;
	int (*check_program)(struct error *);
	int (*check_vm)(const struct vm *, struct error *); /* or NULL */
	/* Whether it opens a template for reading only; or NULL: no. */
	bool (*reads_templates)(void);
	/*
	 * A snapshot's memory and state into a VM's directory, where the disks
	 * are already, vm->memory set; NULL: load_put_guest().
	 */
	int (*put_guest)(struct vm *, int, const struct load *, struct error *);
	int (*spawn)(struct vmm *, const struct timespec *, struct error *);
	int (
	    *ready)(struct vmm *, int64_t, struct error *); /* deadline in ms */
	/*
	 * After a failure, before the caller ends the process: where it has
	 * ended by itself its own words in place of the error's.  Returns -1.
	 */
	int (*explain)(const struct vmm *, struct error *);
	int (*attach)(struct vmm *, enum vmm_line, int64_t, struct error *);
	void (*detach)(struct vmm *);
	int (*query)(struct vmm *, enum vmm_state *, struct error *);
	int (*pause)(struct vmm *, struct error *);
	int (*resume)(struct vmm *, struct error *);
	/* First, and without waiting for an answer, which resume() does; or NULL. */
	int (*resume_ask)(struct vmm *, struct error *);
	int (*set_links)(struct vmm *, bool, struct error *); /* or NULL */
	int (*set_forwards)(struct vmm *, bool, struct error *); /* or NULL */
	/* NULL: without can_resize. */
	int (*resize_disk)(struct vmm *, size_t, uint64_t, struct error *);
	int (*power_button)(struct vmm *, struct error *);
	int (*console_is_free)(struct vmm *, bool *, struct error *);
	/* NULL: who connects to the channel is told at once. */
	int (*agent_is_there)(struct vmm *, bool *, struct error *);
	int (*quit)(struct vmm *, struct error *);
	/* vmm_describe_vm(), and what else its sidecars say. */
	int (*describe)(struct vmm *, struct sidecar *, struct error *);
	int (*open_memory)(struct vmm *, int *, struct error *);
	int (*check_host)(const struct envelope_host *, const struct sidecar *,
	    struct error *);
	/* What the VMM that runs calls its version, into char[size_t]. */
	int (*version)(struct vmm *, char *, size_t, struct error *);
	/* May be NULL; the four that follow: without can_switch. */
	int (*settle_disks)(struct vmm *, const struct timespec *,
	    struct error *);
	int (*add_overlays)(struct vmm *, const char *const *, struct error *);
	void (*drop_overlays)(struct vmm *, const char *const *);
	int (*switch_disks)(struct vmm *, const char *const *, struct error *);
	int (*state_save)(struct vmm *, const char *, struct error *);
	int (*state_finish)(const struct vm *, int, const char *, int,
	    struct error *);
	int (
	    *state_check)(const struct vm *, int, struct error *); /* or NULL */
	bool (*writes_memory)(const struct vm *); /* or NULL: never */
	int (*state_published)(struct vm *, int, int,
	    struct error *); /* or NULL */
	int (*state_match)(const struct machine *, int, struct error *);
	/* May be NULL, as those that follow. */
	int (*devices_match)(const struct sidecar *, struct error *);
	/* The NICs of a sidecar that has none. */
	int (*complete)(int, struct sidecar *, struct error *);
	/* Those that a device state speaks of, by its bytes. */
	int (*find_nics)(struct nic_list *, const char *, size_t,
	    struct error *);
	/*
	 * Whether a directory is what the VMM wrote, and no snapshot of ours;
	 * and all of it taken in, but for the publishing.  Both, or neither.
	 */
	bool (*can_import)(int, const struct intake_how *);
	int (*import)(struct intake *, int, const struct intake_how *,
	    struct error *);
	/* Corrects what vmm.c noted of a guest that was loaded. */
	void (*note_identity)(const struct vm *, struct vm_identity *);
	/* The process is gone: what else it had outside goes, too. */
	void (*clean_up)(const struct vm *, int dirfd);
};

/*
 * What of a sidecar ({ 0 }) the record tells, whoever runs the VM; for
 * describe(), once the record is as things are.  EX_OSERR.
 */
int vmm_describe_vm(struct sidecar *out, const struct vm *vm,
    struct error *err);

/* NULL: there is none. */
const struct vmm_driver *vmm_find_driver(const char *hypervisor);

/* The drivers from 0 on; NULL behind the last. */
const struct vmm_driver *vmm_driver_at(size_t i);

struct vmm {
	const struct vmm_driver *driver;
	struct vm *vm; /* borrowed */
	int dirfd; /* borrowed: the VM's directory */
	void *own; /* the driver's */
};

#endif
