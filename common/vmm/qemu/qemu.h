/* SPDX-License-Identifier: ISC */
/* The parts of the QEMU driver; private to it. */
#ifndef VMM_QEMU_H
#define VMM_QEMU_H

#include "base/strv.h"
#include "vmm/driver.h"
#include "vmm/qemu/qemu_arch.h"
#include "vmm/qemu/qemu_facts.h"
#include "vmm/qemu/qmp.h"

#define QEMU_STATE_NAME "state.qemu" /* in a VM's directory, a snapshot's */

/* The oldest QEMU that we support. */
#define QEMU_FLOOR_MAJOR 7
#define QEMU_FLOOR_MINOR 2

/* From here on memory-backend-file has rom=off (QEMU's own changelog of 8.2). */
#define QEMU_ROM_MAJOR 8
#define QEMU_ROM_MINOR 2

/* Descriptors that QEMU inherits, by number. */
enum qemu_fd {
	QEMU_FD_AGENT = 9,
	QEMU_FD_CONTROL,
	QEMU_FD_QUESTIONS,
	QEMU_FD_CONSOLE,
	QEMU_FD_MEMORY, /* memfd; it stays 13: a save looks into running ones */
	QEMU_FD_TAP /* and one more for each further NIC */
};

/* PCI slots on pcie.0: 1 stays free for people, 0x1f is the chipset's. */
#define QEMU_BUS "pcie.0" /* the root bus */
#define QEMU_SLOT_RNG 2
#define QEMU_RNG_ID "rng0"
#define QEMU_SLOT_NICS 3 /* NIC i is function i */
#define QEMU_SLOT_DISKS 4 /* disk i is slot 4 + i */
#define QEMU_DISKS_MAX (0x1d - QEMU_SLOT_DISKS + 1)
#define QEMU_SLOT_SERIAL 0x1e /* the ports, of which one is the agent's */
#define QEMU_SERIAL_ID "serial0"
#define QEMU_SERIAL_DRIVER "virtio-serial-pci"

/*
 * Entries of each virtqueue, as every QEMU makes them for these machines; it
 * cannot be told how deep virtio-rng's is (QEMU hw/virtio/virtio-rng.c).
 */
#define QEMU_QUEUE_RNG 8
#define QEMU_QUEUE_BLK 256
#define QEMU_QUEUE_NET 256
#define QEMU_QUEUE_SERIAL 128 /* of a port; QEMU hw/char/virtio-serial-bus.c */

#define QEMU_HELD_MAX 64 /* of more ports others may be quicker */

struct qemu {
	struct qmp *qmp; /* NULL: not connected */
	struct qemu_facts facts; /* as it was started; empty: it ran already */
	uint64_t log_from; /* bytes of vmm.log before this start */
	int held[QEMU_HELD_MAX]; /* sockets: qemu_hold_ports() */
	size_t held_n;
};

#define QEMU_VARIABLE "INSTAR_QEMU"

/* EX_DATAERR: words that would mean more to QEMU than a machine or processor. */
int qemu_check_words(const char *machine, const char *cpu, struct error *err);

/* EX_CONFIG: a QEMU of version `saved` is newer than that of version `here`. */
int qemu_check_saved(const char *saved, const char *here, struct error *err);

/* Entries of the virtqueues of such a device as we start it; 0: it has none. */
uint64_t qemu_queue_size(const char *driver);

/* Appends the whole argument vector that record and program determine. */
int qemu_argv(struct strv *argv, const struct vm *vm,
    const struct qemu_facts *facts, struct error *err);

/*
 * The JSON of the block nodes of disk `i`: the top named by qemu_node_name(),
 * its chain beneath it inline.  The caller's (json_decref); NULL: no memory.
 */
json_t *qemu_blockdev(const struct storage *disk, size_t i);

#define QEMU_NODE_MAX 32 /* bytes with the NUL; QEMU's own limit */

/* "d<i>-<n>" for the file of chain_number() n. */
void qemu_node_name(char *out, size_t i, const char *file);

/* vmm_spawn and vmm_ready. */
int qemu_spawn(struct vmm *vmm, const struct timespec *now, struct error *err);
int qemu_ready(struct vmm *vmm, int64_t deadline_ms, struct error *err);
int qemu_explain(const struct vmm *vmm, struct error *err);

/* The rest of the driver's table. */
int qemu_check_host(const struct envelope_host *host,
    const struct sidecar *sidecar, struct error *err);
bool qemu_reads_templates(void);
int qemu_describe(struct vmm *vmm, struct sidecar *out, struct error *err);
int qemu_settle_disks(struct vmm *vmm, const struct timespec *now,
    struct error *err);
int qemu_add_overlays(struct vmm *vmm, const char *const *overlays,
    struct error *err);
void qemu_drop_overlays(struct vmm *vmm, const char *const *overlays);
int qemu_resize_disk(struct vmm *vmm, size_t i, uint64_t bytes,
    struct error *err);
int qemu_switch_disks(struct vmm *vmm, const char *const *overlays,
    struct error *err);
int qemu_state_save(struct vmm *vmm, const char *name, struct error *err);
int qemu_state_finish(const struct vm *vm, int dirfd, const char *name,
    int to_dirfd, struct error *err);
int qemu_state_check(const struct vm *vm, int dirfd, struct error *err);
int qemu_state_match(const struct machine *machine, int dirfd,
    struct error *err);
int qemu_devices_match(const struct sidecar *s, struct error *err);

/* vm->machine.disks as QEMU has them; *changed: they were not. */
int qemu_ask_disks(struct vmm *vmm, bool *changed, struct error *err);

/* Which host ports the user NICs' forwards have got, into vm->machine.nics. */
int qemu_read_forwards(struct vmm *vmm, struct error *err);

/*
 * Finds a free port for each forward that wants any, before a start: what a VMM
 * may open has to be known then.  Until it has them nobody else gets them.
 */
void qemu_hold_ports(struct qemu *q, struct vm *vm);
void qemu_release_ports(struct qemu *q);

/* vmm_set_forwards(). */
int qemu_set_forwards(struct vmm *vmm, bool held, struct error *err);

/* One command to the VMM with the ordinary deadline, as qmp_call(). */
int qemu_call(struct vmm *vmm, const char *command, json_t *args,
    struct jdoc **answer, struct error *err);

#endif
