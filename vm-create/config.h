/* SPDX-License-Identifier: ISC */
/* What a VM shall be, as options and --config say it. */
#ifndef CONFIG_H
#define CONFIG_H

#include "build.h"

/* The options as given; NULL and 0: not given.  Borrowed from argv. */
struct wishes {
	const char *name, *description, *hypervisor, *cpu, *memory, *kernel,
	    *initrd, *cmdline, *firmware, *firmware_vars, *base, *storage,
	    *accel, *memory_backing, *console_max, *cgroup, *storage_config,
	    *user, *password, *password_file, *user_data, *config;
	struct strv layers, nics, data_disks, ssh_keys; /* owned */
	bool no_cidata, agent;
	char *texts[24]; /* strings that --config brought; owned */
	size_t texts_n;
};

void wishes_fini(struct wishes *wishes);

/*
 * Fills what the options left open from the JSON object in the file that
 * --config names, or, as "-", on standard input: members as the long options
 * but password; layer, nic, data_disk and ssh_key as arrays, no_cidata and
 * agent as booleans.  EX_NOINPUT, EX_DATAERR names the member.
 */
int wishes_read_config(struct wishes *wishes, struct error *err);

/* Turns them into a plan; EX_USAGE names the option. */
int wishes_plan(struct plan *plan, const struct wishes *wishes,
    struct error *err);

#endif
