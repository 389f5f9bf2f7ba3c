/* SPDX-License-Identifier: ISC */
/* What vm-copy is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "base/opt.h"

struct opts {
	struct opt_common common;
	bool to_guest;
	char *vm; /* owned: the reference before the colon */
	const char *there; /* the guest's path, behind it */
	const char *here;
};

void options_fini(struct opts *o);

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
