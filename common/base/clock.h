/* SPDX-License-Identifier: ISC */
/* Deadlines: an absolute time of the monotonic clock in milliseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock. */
int64_t clock_ms(void);

/* Microseconds of the monotonic clock, for phases. */
int64_t clock_us(void);

/* Milliseconds left until `deadline_ms`, for poll(2): 0 when it is over. */
int clock_left(int64_t deadline_ms);

/* Sleeps for `ms`, or less when a signal arrives. */
void clock_nap(int ms);

#endif
