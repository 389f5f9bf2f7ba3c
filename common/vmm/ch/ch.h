/* SPDX-License-Identifier: ISC */
/* The parts of the Cloud Hypervisor driver; private to it. */
#ifndef VMM_CH_H
#define VMM_CH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/ch/ch_aside.h"
#include "vmm/ch/ch_config.h"
#include "vmm/ch/ch_state.h"
#include "vmm/driver.h"
#include "vmm/host/rest.h"
#include "vmm/host/taps.h"

#define CH_NAME "cloud-hypervisor"
#define CH_API_SOCKET "api.sock"
#define CH_VSOCK "vsock.sock"
#define CH_CID 3 /* the first that is a guest's; vsock(7) */

/*
 * What was run and recorded; an older one changes what a private memory file
 * or a qcow2's backing file is taken for, a newer one nobody has seen.
 */
#define CH_FLOOR 51
#define CH_CEILING 53

/* Descriptors that it inherits, by number. */
enum ch_fd { CH_FD_API = 10, CH_FD_MEMORY };

struct ch {
	struct rest *rest; /* NULL: not connected */
	uint64_t log_from; /* bytes of vmm.log before this start */
	bool to_boot; /* the machine is there and was never started */
	/* Between ready and resume with to_boot; within ready of a restore. */
	struct taps taps;
	struct ch_plan plan; /* of what is restored */
	int memory_fd; /* until it is loaded: CH_FD_MEMORY; else -1 */
	bool is_saved; /* its state is in a file: it is to change nothing */
};

/* One call of its API, "vm.pause"; takes body, as rest_call(). */
int ch_get(struct vmm *vmm, const char *action, struct jdoc **reply,
    int64_t deadline_ms, struct error *err);
int ch_put(struct vmm *vmm, const char *action, json_t *body,
    struct jdoc **reply, int64_t deadline_ms, struct error *err);

/* EX_UNAVAILABLE: not a version that we know.  out[cap] may be NULL. */
int ch_version(struct vmm *vmm, char *out, size_t cap, struct error *err);

/* The same of a version that a snapshot names: EX_CONFIG. */
int ch_check_saved_version(const char *version, struct error *err);

/* "template.raw" or where else this VM's memory is; NULL: in no file. */
const char *ch_memory_path(enum vm_memory memory);

/* The body of vm.create that the record determines; NULL: no memory. */
json_t *ch_machine(const struct vm *vm, const struct taps *taps);

/* A disk's part of it, also of vm.add-disk. */
json_t *ch_machine_disk(const struct vm *vm, const struct storage *disk,
    size_t i);

/* vmm_spawn and vmm_ready. */
int ch_spawn(struct vmm *vmm, const struct timespec *now, struct error *err);
int ch_ready(struct vmm *vmm, int64_t deadline_ms, struct error *err);
int ch_explain(const struct vmm *vmm, struct error *err);

/* A snapshot into a VM's directory: load_populate(). */
int ch_put_guest(struct vm *vm, int dirfd, const struct load *load,
    struct error *err);

/* The way back. */
int ch_state_save(struct vmm *vmm, const char *name, struct error *err);
int ch_state_finish(const struct vm *vm, int dirfd, const char *name,
    int to_dirfd, struct error *err);
int ch_complete(int dirfd, struct sidecar *sidecar, struct error *err);
int ch_check_state(const struct machine *machine, int dirfd, struct error *err);

/* Of a pair that was read: whether it is of this machine, as it was saved. */
int ch_pair_check(const struct ch_pair *pair, const struct machine *machine,
    int dirfd, struct error *err);

/* Puts config.json in place in a VM's directory. */
int ch_write_config(int dirfd, const struct ch_texts *texts, struct error *err);

/*
 * In a process of its own: the text of the configuration; that of the state
 * with no memory of its own.
 */
int ch_take_config(struct ch_texts *out, const struct ch_config *c,
    struct error *err);
int ch_take_stripped(struct ch_texts *out, struct jdoc *tree,
    struct error *err);

/*
 * What is to be done with the NICs, and their taps in the configuration.  With
 * no `taps` it is before they are made: *plan says whether that is enough.
 */
int ch_plan_nics(struct ch_plan *plan, struct ch_config *c, const struct vm *vm,
    const struct taps *taps, struct error *err);

/*
 * The name that a restored NIC has while it is still the source's, by the id
 * of the VM: nobody else's tap.  In out[NIC_IFNAME_MAX + 1].
 */
void ch_spare_tap(char *out, const struct vm *vm, size_t i);

#endif
