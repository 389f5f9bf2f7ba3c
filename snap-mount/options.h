/* SPDX-License-Identifier: ISC */
/* What snap-mount is asked for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"
#include "registry/ref.h"
#include "registry/transport.h"
#include "snapshot/signers.h"

#define OPTIONS_TIMEOUT_MS 30000 /* for a page to come */
#define OPTIONS_JOBS 16u /* requests at once */

struct opts { /* { 0 } is none; options_fini */
	struct opt_common common;
	bool foreground, on_demand, status;
	uint64_t cache_bytes; /* 0: not said */
	struct opt_time timeout;
	const char *log, *members;
	const char *text; /* the reference as it was given */
	struct ref ref;
	struct transport_how registry;
	struct signers_how signers;
	const char *dir;
};

/* 0 go, 1 done, -1 wrong, of which one line has told. */
int options_parse(struct opts *o, int argc, char *argv[]);
void options_fini(struct opts *o);

#endif
