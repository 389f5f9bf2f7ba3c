/* SPDX-License-Identifier: ISC */
/* The one way to write to stderr. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/error.h"

/* Prints "tool: text" and a newline to stderr, as one write. */
void diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Prints what *err says and returns its code, the status to leave with.  An
 * empty message is not printed: all was told.
 */
int diag_error(const struct error *err);

/*
 * The same for who goes on after a failure: *status, EX_OK before the first,
 * is set to the code of the first, and to that of a signal in any case.
 */
void diag_failure(int *status, const struct error *err);

#endif
