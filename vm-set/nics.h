/* SPDX-License-Identifier: ISC */
/* The NICs that a VM is to have. */
#ifndef NICS_H
#define NICS_H

#include "base/error.h"
#include "snapshot/machine.h"

#include "wishes.h"

/* Those of --nic, or none; as they are where neither is said. */
int nics_change(struct machine *m, const struct wishes *w, struct error *err);

#endif
