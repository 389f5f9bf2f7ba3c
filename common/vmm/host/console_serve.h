/* SPDX-License-Identifier: ISC */
/* What the console's process does; private to vmm/console.c. */
#ifndef VMM_CONSOLE_SERVE_H
#define VMM_CONSOLE_SERVE_H

#include <stdbool.h>

#define CONSOLE_LOCK_CLIENT 0 /* byte of console.lock: there is a client */
#define CONSOLE_LOCK_WRITER 1 /* the process lives */

struct console_fds {
	int master; /* the terminal's other end; must not block */
	int listener; /* console.sock; must not block */
	int log; /* console.log, O_APPEND */
	int lock; /* console.lock */
};

/* Sets or clears the lock on one byte; -1 with errno. */
int console_lock(int fd, int byte, bool held);

/* Serves until nobody has the terminal open any more. */
void console_serve(const struct console_fds *fds);

#endif
