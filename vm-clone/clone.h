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
#include "vmm/load.h"
#include "vmm/refresh.h"

#define CLONE_COUNT_MAX 1000

struct clone_how {
	const char *name, *description; /* or NULL */
	size_t count; /* 0: one, without a number in its name */
	struct strv nics; /* --nic SPECs, one for each NIC saved, or none */
	const char *hostname, *user_data; /* for the seeds, or NULL */
	struct strv ssh_keys; /* files */
	bool same_mac, no_start, paused, verify, copy_memory;
	bool in_place; /* the snapshot's files are used where they lie */
	enum load_disks disks;
	const char *members; /* -p, or NULL */
	struct ready ready;
	struct refresh_how refresh;
	int64_t start_us; /* base/clock: when the user began to wait */
};

/*
 * Makes the clones and prints their records, or, where a guest is to be waited for or
 * asked, puts them into *pending, for when the snapshot and they are locked no
 * more.  Failures are told by diag();
 * the first one's code is returned, or EX_OK.
 */
int clone_all(const struct clone_how *how, const struct root *root,
    const struct snap *snap, struct ready_list *pending);

#endif
