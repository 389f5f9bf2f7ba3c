/* SPDX-License-Identifier: ISC */
/* What ssh(1) is told of a VM: as words of a command, or as a configuration. */
#ifndef COMMAND_H
#define COMMAND_H

#include "base/error.h"
#include "base/strv.h"
#include "state/vm_at.h"
#include "vmm/host/route.h"

#include "options.h"

struct command {
	const struct opts *opts; /* borrowed, as the next two */
	const struct vm_at *at;
	const struct route *route;
	const char *user; /* or NULL: whoever ssh takes */
	uint64_t connect_s; /* seconds for a connection; 0: as ssh does */
};

/*
 * Whether the files of -i can be read, or what ssh(1) takes in their place: the
 * public half, whose other half an agent has.  EX_NOINPUT, EX_NOPERM.
 */
int command_check_keys(const struct opts *opts, struct error *err);

/*
 * The words, "ssh" first, appended to *argv.  EX_CONFIG: the VM's directory has
 * a name that ssh cannot be told.
 */
int command_words(struct strv *argv, const struct command *c,
    struct error *err);

/* Prints the words as a line for a shell, or a block of ssh_config(5). */
int command_print(const struct command *c, struct error *err);

#endif
