/* SPDX-License-Identifier: ISC */
/* What snap-pull is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/opt.h"
#include "registry/ref.h"
#include "registry/transport.h"
#include "vmm/intake.h"

struct opts { /* { 0 } is none; options_fini */
	struct opt_common common;
	const char *members, *text; /* the reference as it was given */
	struct ref ref;
	struct transport_how registry;
	struct intake_how how;
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);
void options_fini(struct opts *o);

#endif
