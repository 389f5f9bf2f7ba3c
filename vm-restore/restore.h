/* SPDX-License-Identifier: ISC */
/*
 * A VM put back to a snapshot.  The new VMM is started in a hidden directory
 * and fully loaded before the old one is touched; then the directories change
 * places in one step.  Until the new guest runs, everything can be put back.
 */
#ifndef RESTORE_H
#define RESTORE_H

#include <stdbool.h>

#include "base/error.h"
#include "state/snap.h"
#include "state/vm_at.h"
#include "vmm/refresh.h"

struct restore_how {
	bool force; /* also a snapshot that is not of this VM */
	bool copy_memory, verify, unconfined;
	const char *members; /* -p, or NULL */
	struct ready ready;
	struct refresh_how refresh;
	int64_t start_us; /* base/clock: when the user began to wait */
};

/*
 * Restores the VM `at`, whose lock is held, and prints its record, or, where its
 * guest is to be waited for or asked, puts it into *pending, for when the VM is
 * locked no more.  EX_NOPERM:
 * the snapshot is not of this VM.  EX_DATAERR, EX_CONFIG: as preflight_run().
 * After any failure the old VM is as it was, or the new one is in *pending: it
 * runs.
 */
int restore_vm(struct vm_at *at, const struct snap *snap,
    const struct restore_how *how, struct ready_list *pending,
    struct error *err);

#endif
