/* SPDX-License-Identifier: ISC */
/* A VM's console log, read line by line as it grows. */
#ifndef VM_WAIT_CONSOLE_H
#define VM_WAIT_CONSOLE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define CONSOLE_LINE_MAX 65536 /* bytes; a longer line counts as several */

struct console {
	int fd; /* -1: the log was not there yet */
	uint64_t from; /* where the VM's present run begins */
	uint64_t off; /* how far it was read */
	char line[CONSOLE_LINE_MAX + 1]; /* the unfinished one */
	size_t len;
};

void console_init(struct console *c);
void console_fini(struct console *c);

/*
 * Reads what came since the last time, but nothing before `from`, the record's
 * console_from; all of a log that somebody has made shorter than that.  *found is true when a line, or the unfinished last one, fits
 * `regex`.  Carriage returns and NUL bytes are not part of a line.  No log is
 * no error.  EX_IOERR, EX_DATAERR: it is no file.
 */
int console_scan(struct console *c, int dirfd, uint64_t from,
    const regex_t *regex, bool *found, struct error *err);

#endif
