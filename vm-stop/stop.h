/* SPDX-License-Identifier: ISC */
#ifndef STOP_H
#define STOP_H

#include "state/vm_at.h"

struct stop {
	bool force; /* no power button */
	uint64_t timeout_s; /* for the guest to turn itself off */
};

/*
 * Ends the VM: power button, after the timeout (or at once with `force`) the
 * VMM is told to end, terminated, killed.  One that has ended is no error.
 * `arg` is a struct stop; fits struct each.
 */
int stop_vm(struct vm_at *at, void *arg, struct error *err);

#endif
