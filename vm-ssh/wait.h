/* SPDX-License-Identifier: ISC */
/* A VM whose ssh server may not be there yet. */
#ifndef WAIT_H
#define WAIT_H

#include <stdint.h>

#include "base/error.h"
#include "state/vm_at.h"
#include "vmm/host/route.h"

#include "options.h"

/*
 * Waits until an ssh server answers where `route` leads; *at is read anew and
 * *route found anew meanwhile.  `ref` names the VM in a line that tells of the
 * wait once it lasts, unless `o` asks for quiet.  EX_TEMPFAIL: what `o` gives the
 * VM since `start_ms` (base/clock) is over.  EX_UNAVAILABLE: the VM has ended.
 * EX_NOINPUT: it was removed.
 */
int wait_for_server(struct vm_at *at, struct route *route, const char *ref,
    const struct opts *o, int64_t start_ms, struct error *err);

#endif
