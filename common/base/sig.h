/* SPDX-License-Identifier: ISC */
/*
 * INT, TERM and HUP: undone, then exit with 128 + N.  The handler only notes
 * the number; loops that may last ask sig_check(), which turns it into an
 * error, and the ordinary clean-up does the rest.  One of them that was ignored
 * when the program was started, as by nohup(1), stays ignored.  PIPE and XFSZ
 * are ignored: a closed pipe and a file's limit are write errors (EX_IOERR).
 */
#ifndef BASE_SIG_H
#define BASE_SIG_H

#include "base/error.h"

/*
 * Installs the handlers, without SA_RESTART, and sees to it that a standard
 * descriptor that was closed is no file which a tool opens later: it fails with
 * EBADF all the same.  Once, at the start of main.
 */
void sig_setup(void);

/* -1 with code 128 + N when a signal has come, else 0. */
int sig_check(struct error *err);

/*
 * The number of one that has come, which is forgotten, or 0: for who goes on.
 */
int sig_take(void);

/*
 * From here on INT, TERM and HUP are ignored and one that has come is
 * forgotten: for what must be finished, and for undoing.
 */
void sig_shield(void);

/*
 * PIPE and XFSZ as they are by default: for a program that this one becomes,
 * which takes over what is ignored.
 */
void sig_hand_over(void);

#endif
