/* SPDX-License-Identifier: ISC */
/* What went wrong, as a value that the caller owns. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <sysexits.h>

#define ERROR_MSG_MAX 512 /* bytes, with the NUL; longer texts are cut */

struct error {
	int code; /* sysexits(3) status to leave with; 0: none */
	int sys; /* errno when a system call failed, else 0 */
	char msg[ERROR_MSG_MAX]; /* "outer: inner: cause", no newline */
};

/*
 * Each fills *err, which may be NULL, and returns -1.  Control characters in
 * what is formatted become '?', so that a message stays one line.
 */

/* Says what is wrong. */
int error_set(struct error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with errno's text behind it; errno is read at the call. */
int error_sys(struct error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * EX_OSERR, "what: out of memory"; without "what: " where `what` is NULL.  The
 * one wording for an allocation that failed.
 */
int error_nomem(struct error *err, const char *what);

/* Puts context in front of what *err already says. */
int error_wrap(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The status for errno `sys` of a failed write or creation: EX_NOPERM for
 * missing rights, EX_NOINPUT for a missing path, otherwise EX_IOERR.
 */
int error_code_of(int sys);

#endif
