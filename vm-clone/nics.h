/* SPDX-License-Identifier: ISC */
/* Where the clones' network interfaces go. */
#ifndef NICS_H
#define NICS_H

#include "base/error.h"
#include "snapshot/machine.h"

#include "clone.h"

/*
 * What --nic says, one for each of the NICs that were saved; *out is the
 * caller's (nic_list_fini), empty where nothing was said.  EX_USAGE: their
 * number, or what only one of several clones could have; EX_CONFIG: a kind that
 * the saved one is not.
 */
int nics_parse(struct nic_list *out, const struct clone_how *how,
    const struct nic_list *saved, struct error *err);

/*
 * The NICs of one clone, in its `m` as they were saved, become its own: those
 * given, or without any those saved, where a forward keeps its guest port and
 * gets any free one here.  EX_USAGE: a tap or bridge that none was given for; it
 * is never taken from a snapshot.
 */
int nics_give(struct machine *m, const struct nic_list *given,
    const struct nic_list *saved, bool same_mac, struct error *err);

#endif
