/* SPDX-License-Identifier: ISC */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/opt.h"
#include "state/filter.h"

struct opts {
	struct opt_common common;
	bool table, memory, total;
	const char *members, *sort;
	struct filter filter;
	char *const *refs;
	size_t refs_n;
};

/* As options_parse() of every tool: 0 go, 1 done, -1 a usage error (told). */
int options_parse(struct opts *o, int argc, char *argv[]);

#endif
