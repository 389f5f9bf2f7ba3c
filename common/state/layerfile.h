/* SPDX-License-Identifier: ISC */
/*
 * Where a snapshot's layers are: in the root by their digests, in the
 * snapshot's directory when it brings them along, or where they lay when it was
 * saved.
 */
#ifndef STATE_LAYERFILE_H
#define STATE_LAYERFILE_H

#include <jansson.h>

#include "base/error.h"
#include "snapshot/layer.h"
#include "state/root.h"

/*
 * Opens the layer in `root` (NULL: in none), else in the directory `dirfd`; it
 * is as long as recorded, and not read.  EX_NOINPUT: it is in neither.
 */
int layerfile_open(int *fd, const struct root *root, int dirfd,
    const struct layer *layer, struct error *err);

/*
 * The same, and where it lay when it was saved: what is there is read, and must
 * have the digest.
 */
int layerfile_find(int *fd, const struct root *root, int dirfd,
    const struct layer *layer, struct error *err);

/*
 * "layer NAME (DIGEST, SIZE bytes) is not in ROOT", or "here" where `root` is
 * NULL: what every tool says of one.
 */
int layerfile_absent(const struct layer *layer, const struct root *root,
    int code, struct error *err);

/*
 * Member "layers_missing" of a record, {"name","size","digest"} of each that
 * layerfile_open() would not find: left out where none is missing.
 */
int layerfile_put_missing(json_t *record, const struct root *root, int dirfd,
    const struct layer_list *layers, struct error *err);

/* Member "layers": all of them, with "here" and, where recorded, "path". */
int layerfile_put_all(json_t *record, const struct root *root, int dirfd,
    const struct layer_list *layers, struct error *err);

#endif
