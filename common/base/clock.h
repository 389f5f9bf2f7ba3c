/* SPDX-License-Identifier: ISC */
/*
 * Deadlines, and times in records.  A deadline is an absolute time of the
 * monotonic clock in milliseconds.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_RFC3339_MAX 32 /* bytes, with the NUL */

/* Milliseconds of the monotonic clock. */
int64_t clock_ms(void);

/* Microseconds of the monotonic clock, for phases. */
int64_t clock_us(void);

/* Milliseconds left until `deadline_ms`, for poll(2): 0 when it is over. */
int clock_left(int64_t deadline_ms);

/* Sleeps for `ms`, or less when a signal arrives. */
void clock_nap(int ms);

/* `now` as "2026-11-21T08:00:00.123456Z"; out holds CLOCK_RFC3339_MAX bytes. */
void clock_rfc3339(char *out, const struct timespec *now);

/*
 * Seconds since the epoch of such a text (UTC, "Z", any fraction or none); -1
 * when it is none.
 */
int64_t clock_parse_rfc3339(const char *text);

#endif
