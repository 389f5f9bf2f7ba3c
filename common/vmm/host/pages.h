/* SPDX-License-Identifier: ISC */
/*
 * The pages that a VM has written itself where its memory is a private mapping
 * of a template: only they differ from it (Linux
 * Documentation/admin-guide/mm/pagemap.rst).
 */
#ifndef VMM_PAGES_H
#define VMM_PAGES_H

#include <sys/types.h>

#include <stdint.h>

#include "base/error.h"

/*
 * Writes every page of its own that the process `pid` has in its mapping of the
 * open file `template` (`size` bytes) to the same offset of `to`: a copy of one
 * moment when the guest stands still.  *copied_bytes is how much that was.
 * EX_NOPERM: its memory is not ours to read.  EX_SOFTWARE: there is no such
 * mapping.
 */
int pages_overlay(uint64_t *copied_bytes, int to, pid_t pid, int template,
    uint64_t size, struct error *err);

#endif
