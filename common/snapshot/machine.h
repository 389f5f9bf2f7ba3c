/* SPDX-License-Identifier: ISC */
/*
 * What a VM is made of.  A VM's record has all of it.  Of a snapshot, the
 * envelope tells what comes first here, up to the layers, and the sidecar the
 * rest; machine_fill() makes one of the two.
 */
#ifndef SNAPSHOT_MACHINE_H
#define SNAPSHOT_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "snapshot/layer.h"
#include "snapshot/nic.h"
#include "snapshot/storage.h"

/* Files that a boot needs; the last is written by the guest's firmware. */
enum machine_boot {
	MACHINE_KERNEL,
	MACHINE_INITRD,
	MACHINE_FIRMWARE,
	MACHINE_VARS
};
#define MACHINE_BOOT_FILES 4

/* Bytes of a bounded log: below that hardly anybody could read along. */
#define MACHINE_CONSOLE_MIN (UINT64_C(16) << 10)
#define MACHINE_CONSOLE_MAX (UINT64_C(8) << 40) /* as of any file */

struct machine { /* { 0 } tells nothing */
	char hypervisor[32];
	char type[64], cpu_model[128]; /* in its words; "" until it ran */
	uint64_t cpu, memory_bytes, storage_bytes; /* 0: not told */
	uint64_t console_max_bytes; /* of its console's log; 0: no bound */
	char *image; /* where it came from, for people; or NULL */
	struct layer_list layers; /* shared disks, in any chain */

	struct storage_list disks;
	struct nic_list nics;
	/*
	 * By enum machine_boot, NULL where there is none: in a VM plain names,
	 * in a sidecar what was recorded.
	 */
	char *boot[MACHINE_BOOT_FILES];
	char *cmdline; /* or NULL */
	bool agent; /* it has a channel to a guest agent */
};

void machine_fini(struct machine *m);

/*
 * Gives `to` deep copies of what `from` tells and it does not: numbers that are
 * 0, an agent's channel, texts that are empty or NULL, lists and files that are not there.  So
 * { 0 } becomes a copy.  On failure `to` is to be given up: machine_fini().
 * EX_OSERR.
 */
int machine_fill(struct machine *to, const struct machine *from,
    struct error *err);

/* Notes a copy of `name`, NULL: that there is no such file.  EX_OSERR. */
int machine_set_boot(struct machine *m, enum machine_boot file,
    const char *name, struct error *err);

/*
 * Reads a bound of the console's log, as people write it: a size, or 0 for
 * none.  EX_USAGE.
 */
int machine_parse_console_max(uint64_t *out_bytes, const char *text,
    struct error *err);

/*
 * Members "cpu", "memory", "storage" and "console_max" (bytes) as snapshots are
 * described with: those that are told.
 */
int machine_put_sizes(json_t *obj, const struct machine *m, struct error *err);

#endif
