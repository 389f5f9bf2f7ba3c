/* SPDX-License-Identifier: ISC */
/* The pools of a root, and what waits in them. */
#ifndef POOLS_H
#define POOLS_H

#include <stddef.h>

#include "base/members.h"

extern const struct members pools_members;

struct pools_how {
	const char *root; /* -R, or NULL */
	char *const *refs; /* snapshots; none: all that have a pool */
	size_t refs_n;
	const char *members; /* -p, or NULL */
};

/*
 * Prints a record for each; nothing is changed, and nobody is held up.  Failures
 * are told by diag(); returns the exit status, the code of the first one or EX_OK.
 */
int pools_list(const struct pools_how *how);

#endif
