/* SPDX-License-Identifier: ISC */
/* The process that has the registry, and answers the kernel: enclosed. */
#ifndef SERVE_H
#define SERVE_H

#include "options.h"

/* What serve() returns, but for the status of an error. */
#define SERVE_UNMOUNTED EX_OK
#define SERVE_STOPPED 1 /* by a signal, or for want of the keeper */

/*
 * Runs in a process of its own until the mount ends, or whoever has the other
 * end of `ctl` does.  Over ctl it says in a struct error whether it can serve
 * (code 0, and a message where it is to be told), and then gets the kernel's descriptor.  `dir` is absolute.  Returns
 * the status to leave with.
 */
int serve(const struct opts *o, const char *dir, int ctl);

#endif
