/* SPDX-License-Identifier: ISC */
/* What this host's processors can do, as Linux tells it. */
#ifndef VMM_PROCESSOR_H
#define VMM_PROCESSOR_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"

/* Appends the flags of the first processor in /proc/cpuinfo, one by one. */
int processor_flags(struct strv *out, struct error *err);

/* Whether /dev/kvm can be opened. */
bool processor_has_kvm(void);

/* Whether KVM would run ordinary guests: the device and the processor. */
bool processor_runs_guests(void);

/* EX_CONFIG names the first flag that this host lacks. */
int processor_check(const struct strv *wanted, struct error *err);

#endif
