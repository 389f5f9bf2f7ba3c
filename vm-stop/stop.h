/* SPDX-License-Identifier: ISC */
#ifndef STOP_H
#define STOP_H

#include <stdint.h>

#include "base/opt.h"
#include "base/strv.h"
#include "state/vm_at.h"

struct stop {
	bool force; /* no power button */
	struct opt_time timeout; /* for the guest to turn itself off */
	/* Of several the buttons are pressed first, and all have the same time. */
	struct strv pressed; /* ids */
	int64_t until_ms; /* 0: none was pressed yet */
};

/* Presses the power button; fits struct each as `before`. */
void stop_press(struct vm_at *at, void *arg);

/*
 * Ends the VM: power button, after the timeout (or at once with `force`) the
 * VMM is told to end, terminated, killed.  One that has ended is no error.
 * `arg` is a struct stop; fits struct each.
 */
int stop_vm(struct vm_at *at, void *arg, struct error *err);

#endif
