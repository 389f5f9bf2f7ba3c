/* SPDX-License-Identifier: ISC */
/* What a hypervisor's driver is made of; private to vmm/. */
#ifndef VMM_DRIVER_H
#define VMM_DRIVER_H

#include "vmm/vmm.h"

struct vmm_driver {
	const char *name;
	int (*check_program)(struct error *);
	int (*spawn)(struct vmm *, const struct timespec *, struct error *);
	int (*ready)(struct vmm *, struct error *);
	int (*attach)(struct vmm *, enum vmm_line, int64_t, struct error *);
	void (*detach)(struct vmm *);
	int (*query)(struct vmm *, enum vmm_state *, struct error *);
	int (*pause)(struct vmm *, struct error *);
	int (*resume)(struct vmm *, struct error *);
	int (*set_links)(struct vmm *, bool, struct error *);
	int (*set_forwards)(struct vmm *, bool, struct error *);
	int (*power_button)(struct vmm *, struct error *);
	int (*console_is_free)(struct vmm *, bool *, struct error *);
	int (*quit)(struct vmm *, struct error *);
	int (*describe)(struct vmm *, struct sidecar *, struct error *);
	int (*open_memory)(struct vmm *, int *, struct error *);
	int (*check_host)(const struct envelope_host *, struct error *);
	int (*settle_disks)(struct vmm *, const struct timespec *,
	    struct error *);
	int (*add_overlays)(struct vmm *, const char *const *, struct error *);
	void (*drop_overlays)(struct vmm *, const char *const *);
	int (*switch_disks)(struct vmm *, const char *const *, struct error *);
	int (*state_save)(struct vmm *, const char *, struct error *);
	int (*state_finish)(const struct vm *, int, const char *, int,
	    struct error *);
	int (*state_check)(const struct vm *, int, struct error *);
	int (*state_match)(const struct vm *, int, struct error *);
	int (*devices_match)(const struct sidecar *, uint64_t, struct error *);
};

struct vmm {
	const struct vmm_driver *driver;
	struct vm *vm; /* borrowed */
	int dirfd; /* borrowed: the VM's directory */
	void *own; /* the driver's */
};

extern const struct vmm_driver vmm_qemu;

#endif
