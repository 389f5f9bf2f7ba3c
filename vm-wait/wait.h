/* SPDX-License-Identifier: ISC */
#ifndef WAIT_H
#define WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "state/root.h"
#include "vmm/ready.h"
#include "vmm/status.h"

/* What is waited for. */
struct wish {
	const struct root *root; /* borrowed */
	int64_t deadline_ms; /* base/clock; INT64_MAX: none */
	struct ready ready; /* of the guest; READY_NONE: a state */
	enum status state;
	bool quiet; /* not a word of a VM that does not run */
};

/*
 * Waits until it holds of the VM `ref`; `arg` is a struct wish (state/refs).
 * EX_TEMPFAIL: the time is over.  EX_UNAVAILABLE: it cannot come true any
 * more.  EX_NOINPUT: no such VM, or it was removed meanwhile.
 */
int wait_for(void *arg, const char *ref, struct error *err);

#endif
