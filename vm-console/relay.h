/* SPDX-License-Identifier: ISC */
/* Bytes carried between the user and a VM's console. */
#ifndef VM_CONSOLE_RELAY_H
#define VM_CONSOLE_RELAY_H

#include <stdbool.h>

#include "base/error.h"

#define RELAY_DETACH 0x1d /* Ctrl-] */
#define RELAY_SILENT_MS 1000 /* of silence, after which an answer is whole */
#define RELAY_LINGER_MS 5000 /* at most, for a guest that is never silent */

enum relay_end { RELAY_DETACHED, RELAY_CLOSED, RELAY_DONE };

/*
 * Carries standard input to the socket `fd` and what comes from there to
 * standard output.  With `keys` until RELAY_DETACH is typed; otherwise, after
 * the end of standard input, until the guest has taken all of it and been
 * silent.  *end says why it is over.  EX_TEMPFAIL: the guest takes no input.
 * EX_IOERR: standard input or output said no.
 */
int relay(enum relay_end *end, int fd, bool keys, struct error *err);

#endif
