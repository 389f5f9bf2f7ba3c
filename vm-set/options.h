/* SPDX-License-Identifier: ISC */
/* What vm-set is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/opt.h"

#include "change.h"

struct opts {
	struct opt_common common;
	struct wishes wishes;
	const char *members; /* -p, or NULL */
	char *const *operands; /* one VM */
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
