/* SPDX-License-Identifier: ISC */
/* One VM of a root, found by reference, its directory open. */
#ifndef STATE_VM_AT_H
#define STATE_VM_AT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "state/root.h"
#include "state/vm.h"

struct vm_at {
	const struct root *root; /* borrowed */
	int dirfd; /* the VM's directory; with `locked` it holds the lock */
	char *dir; /* its absolute path */
	struct vm vm;
};

/*
 * Finds the VM that `ref` names under `root`, which is borrowed, and reads its
 * record; with `locked` under its exclusive lock, which is held until
 * vm_at_close() and waited for until `deadline_ms` (0: not at all).
 * EX_NOINPUT: none fits, or several.  EX_TEMPFAIL: somebody changes it.
 * EX_DATAERR: its record is damaged.  EX_NOPERM: with `locked`, and its VMM lives
 * in another PID namespace.  Messages name `ref`.
 */
int vm_at_open(struct vm_at *out, const struct root *root, const char *ref,
    bool locked, int64_t deadline_ms, struct error *err);

/* Takes one that was never opened ({ .dirfd = -1 }), too. */
void vm_at_close(struct vm_at *at);

/*
 * The VM anew, for who looks at it for long: it may have been started, or put
 * back to a snapshot, which puts another directory in its place.  It must not be
 * locked.  EX_NOINPUT: it was removed.
 */
int vm_at_refresh(struct vm_at *at, struct error *err);

/* Writes the record.  As vm_write(). */
int vm_at_write(struct vm_at *at, bool sync, const struct timespec *now,
    struct error *err);

#endif
