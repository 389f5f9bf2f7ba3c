/* SPDX-License-Identifier: ISC */
/* The processes beside a tool in the foreground; private to vmm/. */
#ifndef VMM_FOREGROUND_IMPL_H
#define VMM_FOREGROUND_IMPL_H

#include "vmm/foreground.h"

#define FOREGROUND_FORCED 1 /* a stopper's status: not by itself */

/* Forks the watcher; foreground_begin() has the rest. */
int foreground_watch(struct foreground *f, struct error *err);

/* The watcher ends: all is well. */
void foreground_unwatch(struct foreground *f);

/*
 * A process that stops the VM as vm-stop(1) does, or --force, and tells what
 * fails.  It ends with EX_OK, FOREGROUND_FORCED, or the code of the failure.
 */
int foreground_stopper(pid_t *pid, const struct foreground *f, bool force,
    struct error *err);

#endif
