/* SPDX-License-Identifier: ISC */
/*
 * Cloud Hypervisor's state.json, v39 to v53: a tree of device states, each a
 * string that holds JSON (vm-migration/src/lib.rs).  Only what must agree with
 * config.json and the memory is read: Cloud Hypervisor compares none of it.
 */
#ifndef VMM_CH_STATE_H
#define VMM_CH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/ch/ch_config.h"

#define CH_STATE_NAME "state.json"
#define CH_STATE_BYTES_MAX (64u << 20) /* 48 KB a vCPU; 255 of them at most */
#define CH_STATE_DEVICES_MAX 64
#define CH_STATE_RANGES_MAX 64
#define CH_RANGES_NAME "memory-ranges"

struct ch_state_device {
	char id[CH_ID_MAX + 1];
	uint64_t queues; /* as virtio-pci has them; 0: it is on no PCI bus */
	uint64_t queue_size; /* the largest that is in use */
	bool is_disk;
	/* of a disk: capacity in 512 bytes; VIRTIO_BLK_F_RO */
	uint64_t sectors;
	bool readonly;
};

struct ch_state_range {
	uint64_t gpa, len, file_off; /* guest address; place in its zone */
	char zone[CH_ID_MAX + 1];
};

struct ch_state {
	uint64_t vcpus;
	struct ch_state_range ram[CH_STATE_RANGES_MAX];
	size_t ram_n;
	uint64_t ram_bytes; /* all of them */
	uint64_t saved_bytes; /* length of memory-ranges; 0: there is none */
	bool saved_is_zone; /* memory-ranges, if any, is laid out as one zone */
	struct ch_state_device devices[CH_STATE_DEVICES_MAX];
	size_t devices_n;
};

/*
 * Decodes and checks the text.  EX_DATAERR names node and member.  *out owns
 * nothing.  *tree, the whole text taken apart, is the caller's (jdoc_free), or
 * NULL: not wanted.
 */
int ch_state_decode(struct ch_state *out, struct jdoc **tree, const char *text,
    size_t len, struct error *err);

/* The same of the file in the directory; EX_NOINPUT besides. */
int ch_state_read(struct ch_state *out, int dirfd, struct error *err);

const struct ch_state_device *ch_state_find(const struct ch_state *s,
    const char *id);

/*
 * Whether configuration and state are of one machine: vCPUs, memory by zones,
 * every device in the state, every disk in both (a NIC that the guest has not
 * let go of yet is in one), no more queues than were saved, rings that fit.
 * EX_DATAERR.
 */
int ch_state_match(const struct ch_state *s, const struct ch_config *c,
    struct error *err);

/*
 * The state with no memory of its own, for a guest whose memory is in a zone
 * on a file: the text is the caller's to free.  EX_DATAERR.
 */
int ch_state_without_memory(char **out, size_t *out_len, const char *text,
    size_t len, struct error *err);

/* The same of a tree, which is changed. */
int ch_state_strip(char **out, size_t *out_len, struct jdoc *tree,
    struct error *err);

#endif
