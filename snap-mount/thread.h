/* SPDX-License-Identifier: ISC */
/* Threads of a process that is ended by _exit(2): nobody waits for them. */
#ifndef THREAD_H
#define THREAD_H

#include "base/error.h"

/* Runs it with all signals blocked: they are for the first thread.  EX_OSERR. */
int thread_start(void *(*run)(void *arg), void *arg, struct error *err);

#endif
