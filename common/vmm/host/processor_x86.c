/* SPDX-License-Identifier: ISC */
/* Linux arch/x86/kernel/cpu/proc.c; the flags are Intel's and AMD's. */
#include <stddef.h>

#include "vmm/host/processor_arch.h"

static const char *const runs_guests[] = { "vmx", "svm", NULL };

const struct processor_arch processor_x86 = {
	.flags = "flags",
	.runs_guests = runs_guests,
};
