/* SPDX-License-Identifier: ISC */
/* A VM's end as vm-stop(1) brings it about. */
#ifndef VMM_STOP_H
#define VMM_STOP_H

#include <stdint.h>

#include "base/opt.h"
#include "base/strv.h"
#include "state/vm_at.h"

#define STOP_TIMEOUT_MS 30000 /* without a word of the user's */

struct stop {
	bool force; /* no power button */
	struct opt_time timeout; /* for the guest to turn itself off */
	/* Of several the buttons are pressed first, and all have the same time. */
	struct strv pressed; /* ids */
	int64_t until_ms; /* 0: none was pressed yet */
	bool went_off; /* the last of them did so by itself */
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
