/* SPDX-License-Identifier: ISC */
/*
 * The filesystems of a guest that stand still while its disks are taken, so that
 * these are as after an orderly end: frozen by its agent right before the
 * guest is paused, and thawed as soon as it runs on.
 */
#ifndef VMM_QUIESCE_H
#define VMM_QUIESCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/opt.h"
#include "state/vm_at.h"
#include "vmm/host/agent.h"
#include "vmm/watcher.h"

#define QUIESCE_WAIT_MS 10000 /* without --freeze-timeout */

/* For the agent of a guest that was loaded. */
#define QUIESCE_LOADED_MS 10000
#define QUIESCE_LOADED_EMULATED_MS 60000

#define QUIESCE_UNSURE "its filesystems are not known to be thawed"

enum quiesce_want {
	QUIESCE_NO,
	QUIESCE_TRY, /* --freeze=try: else as after a crash */
	QUIESCE_MUST /* --freeze */
};

struct quiesce { /* { 0 }: nothing is asked of the guest */
	enum quiesce_want want;
	struct opt_time timeout;

	/* What came of it. */
	bool
	    is_frozen; /* as the guest has said: from the pause's begin to its end */
	struct error why; /* with QUIESCE_TRY: why it is not; code 0: it is */
	double frozen_ms; /* how long they stood still, as far as it was seen */

	struct agent *agent; /* held while they do, else NULL */
	bool is_asked; /* they may stand still */
	uint64_t filesystems;
	int64_t start_us;
	struct error signal; /* that came while it was thawed, or code 0 */
};

/* --freeze with its value or NULL, and --freeze-timeout.  -1: wrong, told. */
int quiesce_opt(struct quiesce *q, const char *value);
int quiesce_opt_timeout(struct quiesce *q, const char *value);

/* Whether they go together; -1, told. */
int quiesce_opt_check(const struct quiesce *q);

/*
 * Freezes, unless nothing is wanted; the watcher knows of it before the guest
 * does.  `is_paused`: the guest stands still, and answers nothing.  After a
 * failure the guest is thawed, or q->is_asked and it is not known to be.  EX_UNAVAILABLE: no
 * agent, it refuses, or does not answer in time.  EX_NOPERM: it is paused.
 */
int quiesce_begin(struct quiesce *q, const struct vm *vm, int dirfd,
    bool is_paused, struct watcher *watcher, struct error *err);

/*
 * Thaws what quiesce_begin() froze, of a guest that runs; a signal does not
 * keep it from that, and is its error then.  EX_UNAVAILABLE: it is not known to be (q->is_asked), or the guest
 * had been thawed before, which with QUIESCE_TRY is q->why alone.
 */
int quiesce_end(struct quiesce *q, struct error *err);

/*
 * The guest of a VM that was loaded runs: where it stands still because it did when it
 * was saved (vm->thaw), it is thawed, which the record tells, and is written.
 * The agent is waited for until quiesce_deadline().  EX_UNAVAILABLE: it is not known
 * to be.
 */
int quiesce_thaw_at(struct vm_at *at, struct error *err);

/* Until when its agent is waited for from now on. */
int64_t quiesce_deadline(const struct vm *vm);

/* The guest is no more, or somebody else's: nothing is asked of it. */
void quiesce_fini(struct quiesce *q);

#endif
