/* SPDX-License-Identifier: ISC */
/* x86-64 hosts: a 16550A on COM1, and an i8042. */
#include "vmm/fc/fc_arch.h"

const struct fc_arch fc_x86 = {
	/* The i8042 resets, and a reset ends the process. */
	.cmdline = "console=ttyS0 reboot=k panic=1",
	/* Four keys fill its queue (Firecracker, devices/legacy/i8042.rs). */
	.button = "SendCtrlAltDel",
	.button_fill = 4,
};
