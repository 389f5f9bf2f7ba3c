/* SPDX-License-Identifier: ISC */
/* The one way to write to stderr. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

/* Prints "tool: text" and a newline to stderr, as one write. */
void diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
