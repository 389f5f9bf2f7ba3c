/* SPDX-License-Identifier: ISC */
/* A Firecracker snapshot without an envelope of ours becomes one of the store. */
#ifndef VMM_FC_IMPORT_H
#define VMM_FC_IMPORT_H

#include <stdbool.h>

#include "snapshot/nic.h"
#include "vmm/intake.h"

/*
 * Whether the directory has a pair of state and memory and no envelope, or one
 * that says nothing of the host (cocoon's) while paths are trusted.  What has
 * wrenn's names is a pair where the disks are told and no map of generations
 * is there.
 */
bool fc_can_import(int dirfd, const struct intake_how *how);

/*
 * Takes state, memory and disks in, and gives them the names that a snapshot
 * of ours has.  How the state calls the disks, their order and their roles
 * --storage-config tells, or the sidecar where there is one; layers outside the
 * directory are taken with --trust-paths alone.  The directory, open as
 * `dirfd`, is only read.  EX_DATAERR: a file is missing or damaged, or the
 * state has no disk of such a name.
 */
int fc_import(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err);

/*
 * A NIC on a tap for each MAC in the bytes of a state, appended: where it goes,
 * each clone says.  EX_DATAERR: more than a VM may have.
 */
int fc_find_nics(struct nic_list *out, const char *raw, size_t len,
    struct error *err);

#endif
