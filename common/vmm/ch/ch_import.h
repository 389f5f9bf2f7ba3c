/* SPDX-License-Identifier: ISC */
/* A snapshot directory of Cloud Hypervisor's own becomes one of the store. */
#ifndef VMM_CH_IMPORT_H
#define VMM_CH_IMPORT_H

#include <stdbool.h>

#include "snapshot/sidecar.h"
#include "vmm/ch/ch_config.h"
#include "vmm/ch/ch_state.h"
#include "vmm/intake.h"

/*
 * Whether the directory has config.json or state.json and no envelope, or one
 * that says nothing of the host (cocoon's) while paths are trusted.
 */
bool ch_can_import(int dirfd, const struct intake_how *how);

/*
 * Takes memory, state and disks in, and gives them the names that a snapshot
 * of ours has.  What lies at recorded paths outside the directory (layers,
 * backing files, kernels) is taken only with --trust-paths.  The directory,
 * open as `dirfd`, is only read.  EX_DATAERR: a file is missing or damaged, or
 * they do not agree.  EX_CONFIG: a VM that cannot be run here.
 */
int ch_import(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err);

/* One directory, and what was read of it: private to the two ch_import*.c. */
struct ch_dir {
	int dirfd; /* borrowed */
	const struct intake_how *how; /* borrowed */
	struct ch_config config;
	struct ch_state *state;
	struct sidecar old; /* cocoon.json, where has_old */
	bool has_old;
	struct sidecar sidecar; /* what is written */
};

/*
 * Every disk of the configuration: its role and its name here, its file taken
 * in, the configuration changed to it, the sidecar's list made.
 */
int ch_take_disks(struct intake *in, struct ch_dir *d, struct error *err);

#endif
