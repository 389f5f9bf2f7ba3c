/* SPDX-License-Identifier: ISC */
/* Name and description of a snapshot of the store, written anew. */
#ifndef SET_H
#define SET_H

#include <jansson.h>
#include <stdint.h>

#include "state/label.h"
#include "state/root.h"

/*
 * Sets what `label` has; "" takes away.  Waits for those that read it
 * until `deadline_ms` (base/clock).  What
 * fails is put back.  *report is the caller's.  EX_CANTCREAT: the name is taken.
 * EX_TEMPFAIL: somebody reads it for long.  EX_NOINPUT: there is none.
 */
int set_snapshot(json_t **report, const struct root *root, const char *ref,
    const struct label *label, int64_t deadline_ms, struct error *err);

#endif
