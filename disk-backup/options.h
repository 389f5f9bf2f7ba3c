/* SPDX-License-Identifier: ISC */
/* What disk-backup is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/opt.h"
#include "vmm/quiesce.h"

struct opts {
	struct opt_common common;
	const char *name, *filesystem, *format, *level, *out, *members;
	const char *threads, *timestamp, *vm, *image; /* or the VM's disk */
	struct quiesce quiesce; /* --freeze, of the VM's guest */
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
