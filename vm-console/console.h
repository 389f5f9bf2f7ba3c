/* SPDX-License-Identifier: ISC */
/* Whose a VM's console is just now. */
#ifndef VM_CONSOLE_CONSOLE_H
#define VM_CONSOLE_CONSOLE_H

#include "base/error.h"
#include "state/vm_at.h"

#define CONSOLE_BUSY_MS 1000 /* for another client that is just leaving */

/*
 * The VMM serves one client, and lets others wait without a word.  Waits until
 * nobody has the console; *lock keeps others of our kind away until it is
 * closed.  EX_TEMPFAIL: another client has it.
 */
int console_claim(int *lock, struct vm_at *at, struct error *err);

#endif
