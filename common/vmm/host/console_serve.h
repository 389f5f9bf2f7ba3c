/* SPDX-License-Identifier: ISC */
/* What the console's process does; private to vmm/console.c. */
#ifndef VMM_CONSOLE_SERVE_H
#define VMM_CONSOLE_SERVE_H

#include <stdbool.h>

#include "vmm/host/console_log.h"

#define CONSOLE_LOCK_CLIENT 0 /* byte of console.lock: there is a client */
#define CONSOLE_LOCK_WRITER 1 /* the process lives */

struct console_fds {
	int master; /* the other end of the VMM's; must not block */
	int listener; /* console.sock; must not block */
	struct console_log log;
	int lock; /* console.lock */
};

/* Sets or clears the lock on one byte; -1 with errno. */
int console_lock(int fd, int byte, bool held);

/* Serves until nobody has the VMM's end open any more. */
void console_serve(struct console_fds *fds);

#endif
