/* SPDX-License-Identifier: ISC */
/* cocoon.json: the disks in the device model's own order; instar-snapshot(5). */
#ifndef SNAPSHOT_SIDECAR_H
#define SNAPSHOT_SIDECAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/rfc3339.h"
#include "snapshot/machine.h"

#define SIDECAR_NAME "cocoon.json"
#define SIDECAR_BYTES_MAX (1u << 20)
#define SIDECAR_DEVICES_MAX 128
#define SIDECAR_CMDLINE_MAX                                                    \
	4096 /* bytes; Linux takes 2047 (x86), 4095 (s390x) */

/* One device of the saved machine: what must match at load. */
struct sidecar_device {
	char id[32], driver[64], bus[32], addr[16];
	uint64_t queues; /* 0: not applicable */
	uint64_t queue_size; /* entries of its largest, where unusual; else 0 */
	char backend[32]; /* NIC: user, tap, bridge; disk: role; else "" */
	char serial[STORAGE_SERIAL_MAX + 1]; /* of a disk; "": not told */
};

struct sidecar {
	struct machine machine; /* disks, NICs and what a boot needs */
	struct sidecar_device *devices;
	size_t devices_n;
	char vm_id[ID_LEN + 1]; /* of the VM that was saved, or "" */
	char saved_at[RFC3339_MAX]; /* when its clock stood still, or "" */
	/* As the envelope has them; where no device model says it, else 0. */
	uint64_t cpu, memory_bytes;
	bool no_direct_io;
};

void sidecar_fini(struct sidecar *s);

/*
 * Decodes and checks the text: every entry, and that the cow disk beside a
 * kernel has its serial.  EX_DATAERR; messages begin with the file's name.
 */
int sidecar_decode(struct sidecar *out, const char *text, size_t len,
    struct error *err);

/* Decodes and checks the file in the directory.  EX_NOINPUT, EX_DATAERR. */
int sidecar_read(struct sidecar *out, int dirfd, struct error *err);

/*
 * Checks, then writes one line of compact JSON, mode 0600, not synced.
 * EX_DATAERR: sidecar_read() would refuse it; nothing is written then.
 */
int sidecar_write(int dirfd, const struct sidecar *s, struct error *err);

#endif
