/* SPDX-License-Identifier: ISC */
/*
 * Where a mount says what went wrong while nobody waits for it: on standard
 * error, or in a file that all of a state root's write to, a line at a time.
 */
#ifndef LOG_H
#define LOG_H

#include <stdint.h>

#include "base/error.h"

#define LOG_LINES 100 /* a minute; of more only the number is told */
#define LOG_BYTES_MAX                                                          \
	(1u << 20) /* then it begins anew; the old one is log.old */

struct log { /* { 0 } is standard error */
	int fd; /* of the file; 0: none */
	const char *dir; /* the mount's: borrowed */
	int64_t since_ms; /* when this minute began */
	unsigned lines, untold; /* of it */
};

/*
 * Opens the file `name` beneath `dirfd`, or AT_FDCWD, to write behind what is
 * in it.  EX_CANTCREAT.
 */
int log_open(struct log *log, int dirfd, const char *name, const char *dir,
    struct error *err);

void log_put(struct log *log, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
