/* SPDX-License-Identifier: ISC */
/* The command, in one VM or in many. */
#ifndef RUN_H
#define RUN_H

#include "base/strv.h"
#include "state/root.h"
#include "vmm/host/agent_exec.h"

#include "options.h"

#define RUN_AT_ONCE 32 /* VMs; each takes three descriptors */

struct run {
	const struct opts *opts;
	const struct root *root;
	struct agent_command command;
	int64_t deadline_ms; /* base/clock; INT64_MAX: none */
};

/*
 * In the VM `ref`, with its output on ours.  *status is the command's.
 * EX_TEMPFAIL: out of time, and the command was ended.  EX_IOERR: output that
 * nobody got.
 */
int run_one(const struct run *run, const char *ref, int *status,
    struct error *err);

/*
 * In each of the VMs, some at a time, with a line for each as it ends.  Failures
 * are told by diag().  The exit status: that of the first that failed, be it the
 * command or what is about it.
 */
int run_all(const struct run *run, const struct strv *refs);

#endif
