/* SPDX-License-Identifier: ISC */
/* The directory that an export fills. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>

#include "base/error.h"

struct target {
	const char *path; /* borrowed */
	int dirfd; /* locked: one export fills it */
	bool is_new; /* made by us; false once it is to stay */
};

/* What target_close() ignores. */
#define TARGET_NONE ((struct target){ .dirfd = -1 })

/*
 * Opens and locks `path`, or makes it (0700).  Close also what failed.
 * EX_CANTCREAT: it holds something, or cannot be made.  EX_TEMPFAIL: locked.
 */
int target_open(struct target *t, const char *path, struct error *err);

/* Closes it; one that is new is removed when it is empty. */
void target_close(struct target *t);

#endif
