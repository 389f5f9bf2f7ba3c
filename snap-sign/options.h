/* SPDX-License-Identifier: ISC */
/* What snap-sign is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "base/opt.h"

#define OPTIONS_READERS_MS 10000 /* for those that read it, without --wait */

struct opts {
	struct opt_common common;
	const char *key, *remove, *from_dir, *members; /* or NULL */
	bool list;
	char *operand; /* a reference, or NULL */
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
