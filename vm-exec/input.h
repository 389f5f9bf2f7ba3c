/* SPDX-License-Identifier: ISC */
/* What the command reads, as a whole before it starts. */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct input {
	char *bytes; /* owned; NULL: none */
	size_t len;
};

/*
 * Of the file, "-" or none: standard input, unless that is `taken`, or a terminal that nobody
 * named.  EX_NOINPUT.  EX_DATAERR: more than an agent takes.  EX_USAGE: standard
 * input twice.
 */
int input_read(struct input *out, const char *file, bool taken,
    struct error *err);

void input_fini(struct input *input);

#endif
