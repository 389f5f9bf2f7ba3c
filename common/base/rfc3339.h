/* SPDX-License-Identifier: ISC */
/*
 * Times as text: RFC 3339, section 5.6.  Its "T" and "Z" are capitals, a minute
 * has sixty seconds, and a second at most nine digits: what everybody writes.
 */
#ifndef BASE_RFC3339_H
#define BASE_RFC3339_H

#include <time.h>

#include "base/error.h"

/* Bytes with the NUL: "2026-11-21T08:00:00.123456789+01:00". */
#define RFC3339_MAX 36

/*
 * `t` in UTC, "2026-11-21T08:00:00.123456Z", into `out` of RFC3339_MAX bytes.
 * There are four digits for a year: what lies outside becomes the first second
 * of the year 0 or the last one of 9999.
 */
void rfc3339_us(char *out, const struct timespec *t);

/* As rfc3339_us(), with as many digits as `t` needs: nine, or none. */
void rfc3339_ns(char *out, const struct timespec *t);

/*
 * Such a text, in UTC or with an offset, into *out; NULL: it is only checked.
 * EX_DATAERR: it is none, or of a day that there is not; *out is as it was.
 */
int rfc3339_parse(struct timespec *out, const char *text, struct error *err);

#endif
