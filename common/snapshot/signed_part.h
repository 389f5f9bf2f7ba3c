/* SPDX-License-Identifier: ISC */
/*
 * What of an envelope is signed: the same bytes wherever the snapshot goes, under
 * whatever name; instar-snapshot(5), Signatures.
 */
#ifndef SNAPSHOT_SIGNED_PART_H
#define SNAPSHOT_SIGNED_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/sha256.h"
#include "snapshot/envelope.h"

/*
 * The text, which the caller frees.  EX_DATAERR: there is none, for a file has no
 * digest, or a member is of a form that others might write in another way.
 */
int signed_part(char **text, size_t *len, const struct envelope *e,
    struct error *err);

/* Its SHA-256, to see whether two are the same; false where there is none. */
bool signed_part_hash(unsigned char out[SHA256_BYTES],
    const struct envelope *e);

/*
 * Whether a file of that name may come and go beside what is signed: the
 * signatures, and the working set.
 */
bool signed_part_leaves_out(const char *name);

#endif
