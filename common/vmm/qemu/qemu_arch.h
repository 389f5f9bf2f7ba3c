/* SPDX-License-Identifier: ISC */
/*
 * What QEMU is asked for by the processor of its guests; everything else of the
 * driver is the same for all of them.
 */
#ifndef VMM_QEMU_ARCH_H
#define VMM_QEMU_ARCH_H

#include <stdint.h>

struct qemu_arch {
	const char *program; /* where INSTAR_QEMU says nothing */
	const char *hint; /* how it is got: "install ..." */
	/*
	 * A family of machines, each with its version behind the prefix, and any
	 * of them; and the one of a new VM wherever it is known and not about to
	 * go: that of the oldest QEMU that we support, so that a snapshot
	 * travels to any later one.
	 */
	const char *prefix, *any, *machine;
	const char *options; /* of the machine: what no guest of ours needs */
	/*
	 * Under emulation no more than every QEMU emulates; under KVM the
	 * host's own.
	 */
	const char *cpu_tcg, *cpu_kvm;
	/* A device by which a guest ends QEMU with a number of its own. */
	const char *end_device;
	/* A page of the stream of a state (TARGET_PAGE_SIZE): a power of two. */
	uint64_t page_bytes;
};

extern const struct qemu_arch qemu_x86;

/* The one of the processor that this is built for. */
#define QEMU_ARCH qemu_x86

#endif
