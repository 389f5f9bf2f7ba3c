/* SPDX-License-Identifier: ISC */
/* A VM whose record cannot be read. */
#ifndef DAMAGED_H
#define DAMAGED_H

#include "base/error.h"
#include "state/root.h"

/*
 * Removes the directory of the VM that `ref` names, and the names that lead to
 * it.  EX_NOPERM: a process works in it, and no record says which one is the
 * VMM.  EX_NOINPUT, EX_TEMPFAIL, EX_IOERR.
 */
int damaged_remove(const struct root *root, const char *ref, struct error *err);

#endif
