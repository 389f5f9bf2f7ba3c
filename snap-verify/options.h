/* SPDX-License-Identifier: ISC */
/* What snap-verify is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/opt.h"
#include "snapshot/signers.h"

struct opts {
	struct opt_common common;
	const char *dir;
	bool complete;
	struct signers_how signers;
	char *const *refs;
	size_t refs_n;
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
