/* SPDX-License-Identifier: ISC */
/* A VM's console log, read line by line as it grows. */
#ifndef VMM_CONSOLE_SCAN_H
#define VMM_CONSOLE_SCAN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "state/vm.h"
#include "state/vm_log.h"

#define CONSOLE_SCAN_LINE_MAX 65536 /* bytes; a longer line counts as several */

struct console_scan {
	struct vm_log log;
	char line[CONSOLE_SCAN_LINE_MAX + 1]; /* the unfinished one */
	size_t len;
};

void console_scan_init(struct console_scan *c);
void console_scan_fini(struct console_scan *c);

/*
 * Reads what the VM's present run has printed since the last time.  *found is
 * true when a line, or the unfinished last one, fits `regex`.  Carriage returns
 * and NUL bytes are not part of a line.  No log is no error.  EX_IOERR,
 * EX_DATAERR: it is no file.
 */
int console_scan_look(struct console_scan *c, const struct vm *vm, int dirfd,
    const regex_t *regex, bool *found, struct error *err);

#endif
