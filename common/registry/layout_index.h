/* SPDX-License-Identifier: ISC */
/*
 * index.json of an OCI image layout: which manifest has which tag.  What others
 * wrote there is kept as it is.
 */
#ifndef REGISTRY_LAYOUT_INDEX_H
#define REGISTRY_LAYOUT_INDEX_H

#include "base/error.h"
#include "registry/part.h"

#define LAYOUT_INDEX_MAX (4u << 20) /* bytes */

/*
 * The manifest of the tag; where that is "", of "latest", else the only one.
 * EX_NOINPUT: none.  EX_DATAERR: several, or no index.
 */
int layout_index_find(struct digest *out, int dirfd, const char *tag,
    struct error *err);

/*
 * The artifact's manifest gets the tag, in one step, if that is still `old`'s
 * (NULL: nobody's).  The caller has locked the directory.  EX_TEMPFAIL: it is
 * not.
 */
int layout_index_put(int dirfd, const char *tag, const struct blob *manifest,
    const struct digest *old, struct error *err);

#endif
