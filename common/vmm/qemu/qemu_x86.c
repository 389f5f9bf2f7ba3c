/* SPDX-License-Identifier: ISC */
/* Guests with an x86-64 processor. */
#include "vmm/qemu/qemu_arch.h"

const struct qemu_arch qemu_x86 = {
	.program = "qemu-system-x86_64",
	.hint = "install qemu-system-x86",
	.prefix = "pc-q35-",
	.any = "q35",
	.machine = "pc-q35-7.2",
	.options = "usb=off,vmport=off,sata=off,smbus=off",
	/* Enough for guests built for x86-64-v2. */
	.cpu_tcg = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16",
	.cpu_kvm = "host",
	.end_device = "isa-debug-exit,iobase=0xf4,iosize=0x04",
	.page_bytes = 4096,
};
