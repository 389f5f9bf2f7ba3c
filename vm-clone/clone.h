/* SPDX-License-Identifier: ISC */
/* New VMs from a snapshot. */
#ifndef CLONE_H
#define CLONE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"
#include "state/root.h"
#include "state/snap.h"
#include "vmm/foreground.h"
#include "vmm/load.h"
#include "vmm/preflight.h"
#include "vmm/refresh.h"

#include "learn.h"

#define CLONE_COUNT_MAX 1000

struct clone_how {
	const char *name, *description, *cgroup; /* or NULL */
	size_t count; /* 0: one, without a number in its name */
	size_t jobs; /* so many VMMs start side by side */
	struct strv nics; /* --nic SPECs, one for each NIC saved, or none */
	const char *hostname, *user_data; /* for the seeds, or NULL */
	struct strv ssh_keys; /* files */
	bool same_mac, no_start, paused, verify, copy_memory, unconfined;
	bool in_place; /* the snapshot's files are used where they lie */
	bool
	    into_pool; /* nobody sees them but who takes one (state/standby.h) */
	bool from_pool; /* one that waits is taken, if there is one */
	enum load_disks disks;
	const char *members; /* -p, or NULL */
	struct ready ready;
	struct learn learn;
	struct refresh_how refresh;
	struct foreground *foreground; /* borrowed */
	int64_t start_us; /* base/clock: when the user began to wait */
};

/*
 * Makes the clones and prints their records, or, where a guest is to be waited
 * for, asked or learned from, puts them into *pending, for when the snapshot and
 * they are locked no more.  Failures are told by diag(); the first one's code is
 * returned, or EX_OK.
 */
int clone_all(const struct clone_how *how, const struct root *root,
    const struct snap *snap, struct ready_list *pending);

/*
 * Takes one of the clones that wait for the snapshot `snap_id`, as `how` says,
 * and prints its record or puts it into *pending.  -1: none waits.  Otherwise as
 * clone_all().
 */
int clone_take(const struct clone_how *how, const struct root *root,
    const char *snap_id, struct ready_list *pending);

#endif
