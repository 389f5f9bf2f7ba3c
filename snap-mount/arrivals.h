/* SPDX-License-Identifier: ISC */
/* What becomes of a range that has come, or has not. */
#ifndef ARRIVALS_H
#define ARRIVALS_H

#include <stdint.h>

#include "base/error.h"

struct mount;

#define ARRIVALS_DOWN_MS 1000 /* for a read, once the registry is gone */

struct arrivals { /* { 0 } is none yet */
	int64_t came_ms; /* when something came last */
	int64_t failing_since_ms; /* nothing has come since; 0: it does */
	struct error why; /* the last that failed */
};

/*
 * Keeps what has come, and goes on with the reads that waited for it.  Where it
 * has not, those fail that have no time left, or all, when the registry has
 * failed for as long as a read waits; for the others it is tried again.
 */
void arrivals_take(struct mount *m, int64_t now_ms);

/* Reads whose time is over fail; and how long one waits that begins now. */
void arrivals_expire(struct mount *m, int64_t now_ms);

#endif
