/* SPDX-License-Identifier: ISC */
/*
 * Cloud Hypervisor's config.json, v51 to v53 (vmm/src/vm_config.rs): the
 * machine of a snapshot, the same as the body of vm.create.  It is read with
 * limits and changed where a clone must differ; all else stays as it came.
 */
#ifndef VMM_CH_CONFIG_H
#define VMM_CH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/jdoc.h"
#include "disk/chain.h"
#include "snapshot/nic.h"
#include "snapshot/storage.h"

#define CH_CONFIG_NAME "config.json"
#define CH_CONFIG_BYTES_MAX (1u << 20) /* 26 disks have 10 KiB */
#define CH_ID_MAX 64 /* bytes of a device's id; its own have some ten */
#define CH_ZONES_MAX 16
#define CH_ZONE_ID "mem0" /* of memory that is in no zone */
#define CH_QUEUES_MAX 256
#define CH_QUEUE_SIZE_MAX 32768

struct ch_disk {
	char *id;
	char *path;
	char *serial; /* or NULL */
	char *image_type; /* Raw, Qcow2, ...; NULL: not said */
	bool readonly, direct, backing_files;
	uint64_t queues, queue_size;
	uint32_t node;
};

struct ch_net {
	char *id;
	char *tap; /* or NULL */
	char *mac;
	uint64_t queues, queue_size;
	uint32_t node;
};

struct ch_zone {
	char *id;
	uint64_t size_bytes;
	char *file; /* or NULL: memory of the VMM's own */
	bool shared;
	uint32_t node;
};

struct ch_config {
	struct jdoc *doc;
	uint64_t vcpus; /* boot_vcpus */
	uint64_t memory_bytes; /* size and zones together */
	struct ch_zone zones[CH_ZONES_MAX];
	size_t zones_n;
	struct ch_disk disks[STORAGE_MAX];
	size_t disks_n;
	struct ch_net nets[NIC_MAX];
	size_t nets_n;
	char *serial_mode,
	    *console_mode; /* Off, Null, Pty, Tty, File, Socket */
	char *vsock_id; /* NULL: none */
	bool has_balloon;
	char *kernel, *initrd, *firmware,
	    *cmdline; /* paths as recorded; NULL */
};

void ch_config_fini(struct ch_config *c);

/*
 * Decodes and checks the text: every device has an id of its own, sizes and
 * counts are within their limits.  EX_DATAERR names the member.  EX_CONFIG: it
 * has devices that reach outside the VM (VFIO, vhost-user, pmem, ...), or disks
 * that are neither raw nor qcow2.
 */
int ch_config_decode(struct ch_config *out, const char *text, size_t len,
    struct error *err);

/* The same of the file in the directory; EX_NOINPUT besides. */
int ch_config_read(struct ch_config *out, int dirfd, struct error *err);

/* What it calls a format. */
const char *ch_image_type(const struct chain_format *format);

/* The disk's format: as it says, or else as its file's name does. */
const struct chain_format *ch_disk_format(const struct ch_disk *disk);

/* The disk with that path, or NULL. */
const struct ch_disk *ch_config_find_disk(const struct ch_config *c,
    const char *path);

/* Its NICs as a record has them, appended to the list.  EX_DATAERR. */
int ch_config_nics(struct nic_list *out, const struct ch_config *c,
    struct error *err);

/*
 * What follows puts members in place where they differ from what is there.
 * The struct's other fields stay as they were read.  EX_OSERR.
 */

struct ch_disk_patch {
	const char *path;
	const char *serial; /* NULL: as it is */
	bool direct, backing_files;
	const char *image_type; /* Raw or Qcow2 */
};

int ch_config_set_disk(struct ch_config *c, const struct ch_disk *disk,
    const struct ch_disk_patch *to, struct error *err);

int ch_config_set_net(struct ch_config *c, const struct ch_net *net,
    const char *tap, const char *mac, struct error *err);

/*
 * Memory in the file `file`.  NULL: of the VMM's own, in however many zones,
 * none of which keeps a file; `shared` counts for nothing then.
 * EX_UNAVAILABLE: one file, but several zones.
 */
int ch_config_set_memory(struct ch_config *c, const char *file, bool shared,
    struct error *err);

/* Modes of serial port and console: Off, Null, Tty; nothing in files. */
int ch_config_set_lines(struct ch_config *c, const char *serial,
    const char *console, struct error *err);
int ch_config_set_vsock(struct ch_config *c, const char *socket,
    struct error *err);

/*
 * What a reboot of the guest loads; NULL where there is no such file.  Kernel
 * or firmware must be named, there or not: v53 restores nothing without.
 */
int ch_config_set_boot(struct ch_config *c, const char *kernel,
    const char *initrd, const char *firmware, struct error *err);

/*
 * Takes away what means something on the saving host alone, and what could
 * give the guest a file of this one: processor affinities, rules for paths,
 * a source of random numbers that is no device for it, the debug console.
 */
int ch_config_set_host(struct ch_config *c, struct error *err);

/*
 * The text as it is now, for the caller to free.  EX_DATAERR: its reader would
 * refuse it.
 */
int ch_config_text(char **out, size_t *len, const struct ch_config *c,
    struct error *err);

#endif
