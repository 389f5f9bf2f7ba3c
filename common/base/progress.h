/* SPDX-License-Identifier: ISC */
/*
 * One line on a terminal's stderr for work that lasts: bytes, rate, time left.
 * Silent elsewhere, and for the first half second.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *label;
	uint64_t total_bytes; /* 0: not known */
	int64_t start_us, shown_us; /* base/clock; shown_us 0: nothing yet */
	bool on;
};

/* `label` is borrowed.  Prints only when stderr is a terminal and not quiet. */
void progress_init(struct progress *p, const char *label, uint64_t total_bytes,
    bool quiet);

/* Says that `done_bytes` are done; cheap, prints ten times a second. */
void progress_update(struct progress *p, uint64_t done_bytes);

/* The same for who takes a callback; `progress` is the struct progress. */
void progress_show(void *progress, uint64_t done_bytes);

/* Wipes the line. */
void progress_fini(struct progress *p);

#endif
