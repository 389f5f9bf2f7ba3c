/* SPDX-License-Identifier: ISC */
/* For the parts of base/proc alone: what a child does before its program. */
#ifndef BASE_PROC_IMPL_H
#define BASE_PROC_IMPL_H

#include <stddef.h>

#define PROC_POLL_MS 200 /* so that a signal is noticed soon */

/* Every signal as it was before we had our way with it. */
void proc_default_signals(void);

/*
 * Gives each of the `n` pairs that are kept its number; both may overlap, hence
 * two steps.  -1 and errno.
 */
int proc_place_fds(const int *keep, size_t n);

/* Marks everything above stderr but those to be closed by exec. */
void proc_shut_others(const int *keep, size_t n);

#endif
