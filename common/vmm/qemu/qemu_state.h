/* SPDX-License-Identifier: ISC */
/*
 * QEMU's migration stream, as far as a save builds on it (QEMU
 * migration/savevm.c, migration/ram.c).  A stream is a head, which lists the
 * RAM blocks and holds the pages of ROM blocks, then full sections of devices.
 * xen-save-devices-state writes such sections without a head; head and
 * sections together load like a stream that QEMU wrote in one go.
 */
#ifndef VMM_QEMU_STATE_H
#define VMM_QEMU_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snapshot/machine.h"

#define QEMU_STATE_BYTES_MAX (64u << 20) /* one seen has 0.6 MB */
#define QEMU_BLOCKS_MAX 64
#define QEMU_HEAD_PAGES_MAX 8192 /* 32 MiB of ROM blocks; seen: 130 */

#define QEMU_FLASH_RUNS_MAX 8 /* of pages: one for each device; seen: 2 */

struct qemu_head {
	size_t end; /* the offset of the first full section */
	/*
	 * Where pages of flash devices stand.  They are as they were when the
	 * head was written, and the guest's firmware writes them; without them
	 * they are what QEMU has read from the file, which follows each write.
	 */
	struct {
		size_t from, to;
	} flash[QEMU_FLASH_RUNS_MAX];
	size_t flash_n;
};

/*
 * Finds the parts of the head in the `len` bytes at `raw`.  `machine` must be the saved machine, and one of the RAM
 * blocks "mem" with `memory_bytes`, none of whose pages is in the stream.
 * EX_DATAERR says what is not as expected, and at which byte.
 */
int qemu_head_decode(struct qemu_head *out, const unsigned char *raw,
    size_t len, const char *machine, uint64_t memory_bytes, struct error *err);

/*
 * Walks the full sections from `head` to the end: the processors, disks and
 * NICs of `machine` must be there, each once at its place, and no others.
 * EX_DATAERR says what is not, and where.
 */
int qemu_devices_check(const unsigned char *raw, size_t len, size_t head,
    const struct machine *machine, struct error *err);

#endif
