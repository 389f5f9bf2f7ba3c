/* SPDX-License-Identifier: ISC */
/* A snapshot directory of Cloud Hypervisor's own becomes one of the store. */
#ifndef CH_H
#define CH_H

#include <stdbool.h>

#include "snapshot/sidecar.h"
#include "vmm/ch/ch_config.h"
#include "vmm/ch/ch_state.h"

#include "import.h"

/*
 * Whether the directory has config.json or state.json and no envelope, or one
 * that says nothing of the host (cocoon's) while `trust_paths`.
 */
bool ch_is(int dirfd, bool trust_paths);

/*
 * Takes memory, state and disks in, gives them the names that a snapshot of
 * ours has, and publishes.  What lies at recorded paths outside the directory
 * (layers, backing files, kernels) is taken only with --trust-paths.  The
 * directory, open as `dirfd`, is only read.  EX_DATAERR: a file is missing or
 * damaged, or they do not agree.  EX_CONFIG: a VM that cannot be run here.
 */
int ch_import(struct import *m, const char *path, int dirfd,
    const struct import_how *how, struct error *err);

/* One directory, and what was read of it: private to ch.c and ch_disks.c. */
struct ch_dir {
	int dirfd; /* borrowed */
	const struct import_how *how; /* borrowed */
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
int ch_take_disks(struct import *m, struct ch_dir *d, struct error *err);

#endif
