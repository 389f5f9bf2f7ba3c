/* SPDX-License-Identifier: ISC */
/* vm-clone, which makes what waits in a pool. */
#ifndef FILL_H
#define FILL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct fill { /* { .pidfd = -1, .said = -1 } does not run */
	pid_t pid;
	int pidfd;
	int said; /* a file of what it has told */
};

struct fill_how {
	const char *root; /* absolute */
	const char *snap_id;
	const char *jobs; /* -j, or NULL */
	bool quiet;
};

/* Starts it for `n` clones.  EX_UNAVAILABLE: there is no vm-clone. */
int fill_start(struct fill *f, const struct fill_how *how, size_t n,
    struct error *err);

/*
 * The exit status of one that has ended, or is waited for; what it has told is
 * told.
 */
int fill_wait(struct fill *f);

/* Ends it, without a word: what it has not put into the pool is gone. */
void fill_end(struct fill *f);

#endif
