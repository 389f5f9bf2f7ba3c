/* SPDX-License-Identifier: ISC */
/* The user's terminal, raw while the guest has it. */
#ifndef VM_CONSOLE_TERMINAL_H
#define VM_CONSOLE_TERMINAL_H

#include <signal.h>
#include <stdbool.h>
#include <termios.h>

#include "base/error.h"

struct terminal {
	bool raw; /* what was is to be restored */
	int fd; /* borrowed */
	struct termios before;
	sigset_t signals; /* the mask before */
};

/*
 * Makes the terminal `fd` raw: each key goes to the guest, and signals that
 * would end or stop this process before it can restore the terminal wait.
 * EX_OSERR.
 */
int terminal_take(struct terminal *t, int fd, struct error *err);

/* Restores what was; { 0 } is fine. */
void terminal_give_back(struct terminal *t);

#endif
