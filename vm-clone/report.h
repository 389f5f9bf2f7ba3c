/* SPDX-License-Identifier: ISC */
/* What is told of a clone. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

#include "vmm/ready_list.h"

#include "clone.h"

struct clone_report {
	const struct clone_how *how;
	const struct root *root;
	double ms; /* from the call until it ran */
	bool was_taken; /* with how->from_pool: one that had waited */
	const struct preflight *checked; /* what was verified, or NULL */
	struct ready_list *pending; /* for who is waited for, or asked */
	struct ready_refresh refresh; /* what it is to be asked */
};

/* The record of a clone: printed, or for later.  `dirfd` is its directory. */
int clone_report(struct vm *vm, int dirfd, const struct clone_report *r,
    struct error *err);

#endif
