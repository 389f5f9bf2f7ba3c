/* SPDX-License-Identifier: ISC */
/*
 * Before foreign bytes are read: no new privileges, and Landlock (kernel
 * 5.13, landlock(7)), so that only descriptors that are open already can be
 * used, and what stands beneath the given directories.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stddef.h>

#include "base/error.h"

/*
 * From here on paths can be opened only beneath the `n` directories `dirfds`
 * (all rights there).  A kernel without Landlock is no error, and sanitizer
 * builds do nothing.  EX_OSERR: the kernel refused.
 */
int sandbox_enter(const int *dirfds, size_t n, struct error *err);

#endif
