/* SPDX-License-Identifier: ISC */
/* A pool that is kept full. */
#ifndef KEEP_H
#define KEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/notify.h"
#include "state/root.h"

struct keep_how {
	const struct root *root;
	const char *snap_id;
	size_t keep; /* so many wait */
	const char *jobs; /* for vm-clone, or NULL */
	const char *members; /* -p, or NULL */
	bool quiet;
	struct notify notify; /* told when it is full the first time */
};

/*
 * Until INT, TERM or HUP, which is no error, or the snapshot is removed
 * (EX_NOINPUT).  All that wait are gone then.  EX_TEMPFAIL: the pool has a keeper
 * already.  An empty message: vm-clone has told why there is none that waits.
 */
int keep_run(const struct keep_how *how, struct error *err);

#endif
