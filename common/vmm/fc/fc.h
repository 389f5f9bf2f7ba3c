/* SPDX-License-Identifier: ISC */
/*
 * The parts of the Firecracker driver; private to it.  Facts about the program
 * are of its docs/ and of v1.16.1 and v1.14.4 as they were seen to behave.
 */
#ifndef VMM_FC_H
#define VMM_FC_H

#include "vmm/driver.h"
#include "vmm/fc/fc_look.h"
#include "vmm/fc/fc_state.h"
#include "vmm/host/rest.h"
#include "vmm/host/taps.h"

#define FC_NAME "firecracker"
#define FC_API_SOCKET "api.sock"
#define FC_LOG "firecracker.log" /* the program's own: it begins it anew */
#define FC_STATE "vmstate"
#define FC_MEMORY "mem"
#define FC_VSOCK "vsock.sock" /* also of a state that came with a vsock */
#define FC_CID 3 /* the first that is a guest's; vsock(7) */

/*
 * In the VM's directory, a link to the memory that was saved last: what the
 * next Diff is laid over.
 */
#define FC_SAVED "saved.mem"

#define FC_CPU_MAX 32
#define FC_SAVE_MS 600000 /* a Full snapshot of much memory on a slow disk */

struct fc {
	struct rest *rest; /* NULL: not connected */
	uint64_t log_from; /* bytes of vmm.log before this start */
	unsigned minor; /* Firecracker 1.minor; 0: not asked yet */
	bool is_new; /* configured, not booted: the first resume does it */
	bool is_diff; /* what this save asks for */
	/*
	 * What is loaded: a vsock of its goes to FC_VSOCK, and the only NIC is
	 * called so, where that is not fc_nic_id().
	 */
	struct fc_look look;
};

const char *fc_program(void);
int fc_check_program(struct error *err);

/* One exchange; takes `body`.  Messages begin with "Firecracker". */
int fc_call(struct vmm *vmm, const char *method, const char *path, json_t *body,
    struct jdoc **reply, int64_t deadline_ms, struct error *err);

/* Asks for the version, into version[cap] (NULL: not wanted) and fc->minor. */
int fc_ask_version(struct vmm *vmm, char *version, size_t cap,
    int64_t deadline_ms, struct error *err);

/* fc_start.c */
int fc_spawn(struct vmm *vmm, const struct timespec *now, struct error *err);
int fc_ready(struct vmm *vmm, int64_t deadline_ms, struct error *err);
int fc_explain(const struct vmm *vmm, struct error *err);

/*
 * fc_load.c: the state in the VM's directory into the fresh process; what must
 * be known of it is looked for while the process starts, and whether it is of
 * this machine.
 */
int fc_look_ahead(struct vmm *vmm, struct error *err);
int fc_load(struct vmm *vmm, int64_t deadline_ms, struct error *err);

/* The id of NIC `i` in a Firecracker that booted here. */
#define FC_ID_MAX FC_STATE_ID /* bytes, with the NUL */
void fc_nic_id(char out[FC_ID_MAX], size_t i);

int fc_set_links(struct vmm *vmm, bool up, struct error *err);

/* fc_save.c */
int fc_settle(struct vmm *vmm, const struct timespec *now, struct error *err);
int fc_state_save(struct vmm *vmm, const char *name, struct error *err);
int fc_state_finish(const struct vm *vm, int dirfd, const char *name,
    int to_dirfd, struct error *err);
int fc_state_published(struct vm *vm, int dirfd, int snap_dirfd,
    struct error *err);

/* fc_fit.c */
int fc_check_vm(const struct vm *vm, struct error *err);
int fc_check_host(const struct envelope_host *host,
    const struct sidecar *sidecar, struct error *err);
int fc_check_arch(const struct fc_look *look, struct error *err);
int fc_state_match(const struct machine *machine, int dirfd, struct error *err);
int fc_devices_match(const struct sidecar *s, struct error *err);
int fc_complete(int dirfd, struct sidecar *sidecar, struct error *err);

#endif
