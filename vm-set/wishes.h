/* SPDX-License-Identifier: ISC */
/* What of a VM is to change, as the options say it. */
#ifndef WISHES_H
#define WISHES_H

#include <stdbool.h>

#include "base/strv.h"
#include "snapshot/machine.h"

/* The options as given; NULL: not given.  Borrowed from argv. */
struct wishes {
	const char *name, *description, *cpu, *memory, *storage;
	const char *boot[MACHINE_BOOT_FILES]; /* files, or "": none any more */
	const char *cmdline; /* likewise */
	const char *console_max; /* of the log, which is no part of a state */
	struct strv nics, data_disks, grow, remove; /* owned */
	bool no_nics, grow_fs;
};

void wishes_fini(struct wishes *wishes);

/* Whether anything is asked for of what the guest is made of. */
bool wishes_machine(const struct wishes *wishes);

#endif
