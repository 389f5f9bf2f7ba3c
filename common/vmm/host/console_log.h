/* SPDX-License-Identifier: ISC */
/*
 * console.log, appended to.  Of a VM whose log is bounded (the record's
 * console_max_bytes) it becomes console.log.1 when it has half of that, in the
 * place of the one that was called so, and a new one takes its name: a reader
 * finds both names at any time, and each file as it was printed
 * (state/vm_log.h).  A line is cut by that only when it is a long one.
 */
#ifndef VMM_CONSOLE_LOG_H
#define VMM_CONSOLE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "state/vm.h"

struct console_log {
	int fd; /* O_APPEND */
	int dirfd; /* -1 without a bound */
	uint64_t file_max_bytes; /* of one of the two; 0: no bound */
	bool marks; /* files that are made get the mark */
	bool at_line_end; /* what was written last ended a line */
};

#define CONSOLE_LOG_NONE ((struct console_log){ .fd = -1, .dirfd = -1 })

/*
 * Opens the log, made where there is none, for a new run of the VM, and notes in
 * `vm` where it begins there.  Where there is a bound, files that have more are
 * cut first: their end stays.  `log` is CONSOLE_LOG_NONE, and owned afterwards
 * (console_log_drop).  Nobody else writes to a log that has more than its bound.
 * EX_NOPERM, EX_IOERR; EX_DATAERR: no file.
 */
int console_log_open(struct console_log *log, struct vm *vm, int dirfd,
    struct error *err);

void console_log_drop(struct console_log *log);

/*
 * Appends: how many bytes were taken; less where there is no room on the disk,
 * or no new file could be made.
 */
size_t console_log_append(struct console_log *log, const char *buf, size_t len);

#endif
