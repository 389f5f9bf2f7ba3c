/* SPDX-License-Identifier: ISC */
/*
 * Guests that go on from a snapshot, told by their agents what is new: the clock,
 * random numbers, who they are.  Nothing is said to be so but what the guest
 * has said.
 */
#ifndef VMM_REFRESH_H
#define VMM_REFRESH_H

#include "vmm/ready_list.h"
#include "vmm/refresh_how.h"
#include "vmm/vmm.h"

/* What else a record has by it. */
#define REFRESH_MEMBERS "run.status run.stdout run.stderr run.ms"

/*
 * What the guest of `vmm`, which runs, is to be asked: what was asked for, else the
 * default where somebody has the agent's channel open; and to thaw.  A VM
 * that goes back to a snapshot of its own (`is_same`) has its name.
 * EX_DATAERR: the name that it is to have cannot be read; *out is all the rest.
 */
int refresh_plan(struct ready_refresh *out, const struct refresh_how *how,
    struct vmm *vmm, const struct vm *vm, int dirfd, bool is_same,
    struct error *err);

/*
 * Asks the guests of all items that are to be asked, side by side, none of them
 * locked by this process, and puts what they have said into their records, here
 * and in `root`.  What was asked for and did not come true is told by diag(),
 * and is the exit status, the first one's; of the default there is a warning.
 * A signal is told here unless `is_told`: guests that may stand still are thawed
 * all the same, and named where they are not known to be; and then it is
 * forgotten (sig_shield()), for the records to be printed without a wait.
 */
int refresh_all(struct ready_list *list, const struct refresh_how *how,
    const struct root *root, bool is_told);

#endif
