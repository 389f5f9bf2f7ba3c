/* SPDX-License-Identifier: ISC */
/* What vm-exec is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/members.h"
#include "base/opt.h"
#include "base/strv.h"

struct opts {
	struct opt_common common;
	const char *input; /* -i, or NULL */
	const char *cwd; /* --cwd, or NULL */
	const char *members; /* -p, or NULL */
	struct strv env; /* --env, each "name=value" */
	struct opt_time timeout;
	bool detach;
	bool all_of; /* a line for each VM */
	char *const *vms; /* operands; vms_n is 1 without all_of */
	size_t vms_n;
	char *const *command; /* NULL at its end */
};

/* Of what --all-of and --detach print. */
extern const struct members exec_members;

void options_fini(struct opts *o);

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
