/* SPDX-License-Identifier: ISC */
/* What snap-export is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "archive/archive.h"
#include "base/opt.h"

#include "export.h"

struct opts {
	struct opt_common common;
	char *snap; /* operand */
	const char *out; /* -o, or NULL: stdout */
	const char *members; /* -p, or NULL */
	const char *to_dir; /* --to-dir or --wrenn-dir DIR, or NULL */
	const char *list; /* --list ARCHIVE, or NULL */
	bool is_dry_run, is_wrenn;
	struct export_how what;
	struct archive_how how;
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
