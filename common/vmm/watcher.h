/* SPDX-License-Identifier: ISC */
/*
 * A process beside a tool that has to pause a guest: when the tool is gone
 * before it said that all is well, the guest is resumed, and where its
 * filesystems were made to stand still they go on, too.
 */
#ifndef VMM_WATCHER_H
#define VMM_WATCHER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "state/root.h"
#include "state/vm.h"

struct watched {
	struct vm *vm;
	int dirfd; /* its directory, which holds its lock */
	bool stays_paused; /* it is not resumed */
};

struct watcher {
	pid_t pid; /* 0: none */
	int word; /* a byte goes through here when all is well */
};

#define WATCHER_NONE                                                           \
	{                                                                      \
		.pid = 0, .word = -1                                           \
	}

/*
 * Starts the watcher of a VM, or of the two that change places in a restore:
 * it resumes the one whose directory has the VM's name then, ends the other,
 * and gives the forwards back to the one that is left.  It shares the locks
 * until that is done.  Must be called before any thread is started.
 * EX_UNAVAILABLE: a VMM does not answer.
 */
int watcher_start(struct watcher *w, const struct root *root,
    const struct watched *watched, size_t n, struct error *err);

/*
 * From here on the guest's filesystems may stand still: its agent is asked to let
 * them go on as soon as it runs, until it says so; who does not in time is
 * VM_THAW_UNSURE in the record.  EX_OSERR.
 */
int watcher_thaws(struct watcher *w, struct error *err);

/* All is well: the guest is as it should be.  Takes WATCHER_NONE. */
void watcher_end(struct watcher *w);

/* It is not, and the tool can do no more: the watcher goes on trying. */
void watcher_leave(struct watcher *w);

#endif
