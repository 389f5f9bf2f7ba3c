/* SPDX-License-Identifier: ISC */
/* A Firecracker snapshot without an envelope of ours becomes one of the store. */
#ifndef FC_H
#define FC_H

#include <stdbool.h>

#include "snapshot/nic.h"
#include "snapshot/storage.h"

#include "import.h"

/* Bytes of the file that --storage-config names. */
#define FC_CONFIGS_MAX (1u << 20)

/*
 * Whether the directory has a pair of state and memory and no envelope, or one
 * that says nothing of the host (cocoon's) while paths are trusted.  What has
 * wrenn's names is a pair where the disks are told and no map of generations
 * is there.
 */
bool fc_is(int dirfd, const struct import_how *how);

/*
 * Takes state, memory and disks in, gives them the names that a snapshot of
 * ours has, and publishes.  How the state calls the disks, their order and
 * their roles --storage-config tells, or the sidecar where there is one; layers
 * outside the directory are taken with --trust-paths alone.  The directory,
 * open as `dirfd`, is only read.  EX_DATAERR: a file is missing or damaged, or
 * the state has no disk of such a name.
 */
int fc_import(struct import *m, const char *path, int dirfd,
    const struct import_how *how, struct error *err);

/*
 * The storage configs that --storage-config names.  On success *out is the
 * caller's.  EX_NOINPUT, EX_DATAERR.
 */
int fc_read_configs(struct storage_list *out, const char *path,
    struct error *err);

/*
 * A NIC on a tap for each MAC in the bytes of a state, appended: where it goes,
 * each clone says.  EX_DATAERR: more than a VM may have.
 */
int fc_find_nics(struct nic_list *out, const char *raw, size_t len,
    struct error *err);

#endif
