/* SPDX-License-Identifier: ISC */
/* Between the parts of seed/cidata alone. */
#ifndef SEED_CIDATA_IMPL_H
#define SEED_CIDATA_IMPL_H

#include <stdbool.h>

#include "seed/cidata.h"

#define CIDATA_DIGEST_HEX 64 /* digits of SHA-256 */

/*
 * The SHA-256 of the pieces, each with its length before it, in out[
 * CIDATA_DIGEST_HEX + 1].
 */
void cidata_digest(char *out, const struct cidata_text *pieces, size_t n);

/*
 * Our cloud-config; it says {} when it is empty.  *out is the caller's.
 * EX_USAGE, EX_OSERR.
 */
int cidata_config(struct cidata_file *out, bool *empty,
    const struct cidata *seed, struct error *err);

/*
 * Whether cloud-init looks into it: unpacks it, or takes it for a MIME message,
 * which it does by a header that is anywhere near the beginning.
 */
bool cidata_is_gzip(const struct cidata_text *own);
bool cidata_is_mime(const struct cidata_text *own);

/*
 * The user's own user-data and our cloud-config as one MIME multipart archive.
 * Ours is merged last, and leaves what the user's says: lists grow, other
 * values stay.  *out is the caller's.
 */
int cidata_join(struct cidata_file *out, const struct cidata_text *own,
    const struct cidata_file *ours, struct error *err);

#endif
