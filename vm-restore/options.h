/* SPDX-License-Identifier: ISC */
/* What vm-restore is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/opt.h"

#include "snapshot/signers.h"

#include "restore.h"

struct opts {
	struct opt_common common;
	struct restore_how how;
	struct signers_how signers;
	const char *from_dir, *archive, *memory_mode, *vm;
	char *snap;
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
