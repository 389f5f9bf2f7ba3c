/* SPDX-License-Identifier: ISC */
/* Files that are opened first and read later. */
#ifndef INPUT_H
#define INPUT_H

#include <stddef.h>

#include "base/error.h"

struct input {
	const char *what; /* for messages, borrowed; NULL: there is none */
	int fd;
	char *text; /* owned; a NUL stands behind it */
	size_t len;
};

#define INPUT_NONE ((struct input){ .fd = -1 })

/* Opens `path`; "-" is standard input, NULL nothing.  EX_NOINPUT, EX_NOPERM. */
int input_open(struct input *in, const char *path, struct error *err);

/* Reads all of it, at most `max` bytes.  EX_DATAERR, EX_IOERR. */
int input_read(struct input *in, size_t max, struct error *err);

/* Forgets what was read, too. */
void input_fini(struct input *in);

#endif
