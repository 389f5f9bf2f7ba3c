/* SPDX-License-Identifier: ISC */
/* The NICs of clones: as they were saved, or as --nic says. */
#ifndef NICS_H
#define NICS_H

#include "base/error.h"
#include "snapshot/nic.h"
#include "state/vm.h"

#include "clone.h"

/*
 * how->nics, which must be as many and of such kinds as were saved, appended to
 * *out.  EX_USAGE, EX_CONFIG.
 */
int nics_parse(struct nic_list *out, const struct clone_how *how,
    const struct nic_list *saved, struct error *err);

/*
 * Into the record of a clone, which has the saved ones, the given ones, if any.
 * A forward keeps its guest port and gets any free one here; a tap or bridge is
 * never taken from a snapshot, only from the user.  EX_USAGE.
 */
int nics_give(struct vm *vm, const struct clone_how *how,
    const struct nic_list *given, const struct nic_list *saved,
    struct error *err);

#endif
