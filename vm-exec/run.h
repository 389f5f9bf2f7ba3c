/* SPDX-License-Identifier: ISC */
/* The command, in one VM. */
#ifndef RUN_H
#define RUN_H

#include "state/root.h"
#include "vmm/host/agent_exec.h"

#include "options.h"

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

/* The same with a line about it in place of its output. */
int run_told(const struct run *run, const char *ref, int *status,
    struct error *err);

#endif
