/* SPDX-License-Identifier: ISC */
/* The VM's directory as it is to be, in the place of what it is. */
#ifndef APPLY_H
#define APPLY_H

#include "change.h"

/*
 * Claims a new name; builds a directory with what changes, and links to what
 * does not, and puts it in the place of the VM's in one step, or as
 * root_new_replace() does; c->at has it then.  A failure leaves the VM that was;
 * being killed, too, but that a disk may be larger already.  EX_NOINPUT: a file
 * that was given is missing.  EX_CANTCREAT: the name is taken.
 */
int apply_change(struct change *c, const struct timespec *now,
    struct error *err);

#endif
