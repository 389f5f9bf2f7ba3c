/* SPDX-License-Identifier: ISC */
/*
 * Pages by their hashes, and where they are: what a push need not store again.
 * Of a hash its first 20 bytes are kept: two pages that agree in them are not
 * to be found in less than 2^80 tries, and whoever did would break a snapshot of
 * his own, which a pull then refuses.
 */
#ifndef REGISTRY_KNOWN_H
#define REGISTRY_KNOWN_H

#include <stdbool.h>

#include "base/error.h"
#include "disk/digest.h"
#include "registry/leaf.h"

/* Pages at most, 3.5 GiB of different ones: 32 MiB of memory. */
#define KNOWN_MAX (7u << 17)

struct known; /* opaque */

/* Returns owned (known_free).  EX_OSERR. */
int known_new(struct known **out, struct error *err);
void known_free(struct known *known);

bool known_find(struct place *out, const struct known *known,
    const struct digest *hash);

/* Does nothing for one that is known, or beyond KNOWN_MAX.  EX_OSERR. */
int known_add(struct known *known, const struct digest *hash,
    const struct place *place, struct error *err);

/* One that is known is there from now on. */
void known_move(struct known *known, const struct digest *hash,
    const struct place *place);

#endif
