/* SPDX-License-Identifier: ISC */
/* A copy, in either direction. */
#ifndef TAKE_H
#define TAKE_H

#include "base/error.h"
#include "vmm/host/agent.h"

#include "options.h"

/* What o->here is into the guest, as o->there. */
int take_in(const struct opts *o, struct agent *a, struct error *err);

/* What o->there is in the guest to here, as o->here. */
int take_out(const struct opts *o, struct agent *a, struct error *err);

#endif
