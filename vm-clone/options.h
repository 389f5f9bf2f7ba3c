/* SPDX-License-Identifier: ISC */
/* What vm-clone is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/opt.h"

#include "snapshot/signers.h"

#include "clone.h"

struct opts {
	struct opt_common common;
	struct clone_how how; /* its foreground is ours */
	struct foreground foreground;
	struct signers_how signers;
	bool merge; /* what they write may be shared */
	const char *from_dir, *archive, *count, *jobs, *memory_mode, *disk_mode;
};

void options_fini(struct opts *o);

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
