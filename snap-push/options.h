/* SPDX-License-Identifier: ISC */
/* What snap-push is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "base/opt.h"
#include "registry/ref.h"
#include "registry/transport.h"

struct opts { /* { 0 } is none; options_fini */
	struct opt_common common;
	const char *members;
	const char *target_text, *parent_text; /* as they were given */
	char *const *snap;
	bool is_dry_run;
	bool has_no_parent; /* --parent none */
	bool has_parent;
	struct ref target, parent;
	struct transport_how registry;
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);
void options_fini(struct opts *o);

#endif
