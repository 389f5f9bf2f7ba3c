/* SPDX-License-Identifier: ISC */
/* The command, in many VMs at once. */
#ifndef CROWD_H
#define CROWD_H

#include "base/strv.h"

#include "run.h"

#define CROWD_AT_ONCE 32 /* VMs; each takes a process and two descriptors */

/*
 * In each of the VMs, by a process of its own, so that none waits for another,
 * with a line for each as it ends.  Failures are told by diag().  The exit
 * status: that of the first of `refs` that failed, be it the command or what is
 * about it.
 */
int crowd_run(const struct run *run, const struct strv *refs);

#endif
