/* SPDX-License-Identifier: ISC */
/* What of a VM that runs can change: forwards, and disks that become larger. */
#ifndef LIVE_H
#define LIVE_H

#include "change.h"

/*
 * As change_plan(), of a VM that runs.  EX_NOPERM: something else is wished, or
 * its VMM cannot do it.
 */
int live_plan(struct change *c, struct error *err);

/*
 * Has the VMM do it, and writes the record.  EX_UNAVAILABLE: it refused, a port
 * that is taken among it: the old forwards are there again.
 */
int live_apply(struct change *c, const struct timespec *now, struct error *err);

#endif
