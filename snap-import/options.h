/* SPDX-License-Identifier: ISC */
/* What snap-import is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/opt.h"
#include "base/strv.h"
#include "vmm/intake.h"

struct opts {
	struct opt_common common;
	const char *members, *file, *from_dir;
	struct strv layers; /* --layer */
	bool layer_alone; /* no snapshot: one layer is taken in */
	struct intake_how how;
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
