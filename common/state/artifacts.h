/* SPDX-License-Identifier: ISC */
/*
 * Which artifacts in registries a snapshot of the store is, having been pushed
 * there or pulled from there: registry/ID beneath the root, instar-state(5).  A
 * note, and no more: who reads one asks the registry.
 */
#ifndef STATE_ARTIFACTS_H
#define STATE_ARTIFACTS_H

#include <stdbool.h>

#include "base/error.h"
#include "disk/digest.h"
#include "registry/ref.h"
#include "state/root.h"

#define ARTIFACTS_DIR "registry" /* beneath the root */
#define ARTIFACTS_MAX 64 /* places that are noted of one; older ones go */

/*
 * What a reference is noted by: HOST/NAME, or "oci-layout:" and the directory's
 * absolute path; the caller frees it.  EX_NOINPUT: it has no path.
 */
int artifacts_place(char **out, const struct ref *ref, struct error *err);

/*
 * Opens the directory, which is made with `to_note`.  *dirfd is -1 where there is
 * none, or it may not be written.  EX_IOERR.
 */
int artifacts_open(int *dirfd, const struct root *root, bool to_note,
    struct error *err);

/* The manifest that snapshot `id` is at that place; false: none that is known. */
bool artifacts_find(struct digest *out, int dirfd, const char *id,
    const char *place);

/* Notes it, in the place of what was noted.  EX_IOERR. */
int artifacts_note(int dirfd, const char *id, const char *place,
    const struct digest *digest, struct error *err);

#endif
