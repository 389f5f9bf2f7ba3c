/* SPDX-License-Identifier: ISC */
#ifndef START_H
#define START_H

#include <stdbool.h>

#include "vmm/each.h"
#include "vmm/foreground.h"

struct start {
	struct each each;
	struct foreground foreground;
	bool told; /* that guests are emulated */
	bool unconfined;
};

/*
 * Starts the VM, whose lock is held, unless it runs; `arg` is a struct start
 * (vmm/each).  After a failure it is as it was.
 */
int start_vm(struct vm_at *at, void *arg, struct error *err);

#endif
