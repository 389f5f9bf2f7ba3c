/* SPDX-License-Identifier: ISC */
/*
 * Disks that are chains of overlays, as single raw images: cocoon knows no
 * chains.
 */
#ifndef MERGE_H
#define MERGE_H

#include "base/strv.h"
#include "snapshot/envelope.h"
#include "state/snap.h"

struct merge { /* { 0 } is nothing merged */
	struct root_new made; /* a hidden directory with what was made */
	struct strv names; /* of the files in it */
};

/*
 * Makes raw images of all disks of the snapshot that have overlays (qemu-img),
 * and a sidecar that names these; *e lists them in place of the chains'
 * files.  A layer that a chain lies on is merged, too, and is none of *e's then.
 * Nothing to merge is no error.  EX_DATAERR: an overlay does not name the file
 * beneath it.  EX_NOINPUT: the root lacks such a layer.  EX_UNAVAILABLE: qemu-img is missing or fails.
 */
int merge_overlays(struct merge *m, struct envelope *e, const struct root *root,
    const struct snap *snap, struct error *err);

/* Removes what was made. */
void merge_fini(struct merge *m);

/* The directory that holds `name`: that of merged files, or the snapshot's. */
int merge_dirfd(const struct merge *m, const struct snap *snap,
    const char *name);

#endif
