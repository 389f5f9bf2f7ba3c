/* SPDX-License-Identifier: ISC */
/* One snapshot as the entries of an archive. */
#ifndef EXPORT_H
#define EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "snapshot/envelope.h"
#include "state/layer_files.h"
#include "state/snap.h"

#include "merge.h"

struct export
{
	const struct snap *snap; /* borrowed */
	struct merge merge; /* files that stand in for the snapshot's */
	struct layer_files layers; /* that go along */
	struct envelope envelope; /* as it goes into the archive */
	struct envelope_file **order; /* its files in the order of names */
	uint64_t *size_bytes; /* of each in `order` */
	uint64_t data_bytes, tar_bytes; /* what export_estimate() found */
	bool is_cocoon; /* no trailer, nothing that cocoon does not know */
};

/* What export_begin() is asked for. */
struct export_how {
	bool is_cocoon, with_layers;
};

/*
 * Reads the envelope; for cocoon, merges overlays with the help of qemu-img.
 * Layers that are to go along become files of it, for all others a warning is
 * written, and so do its working set and its signatures, but for cocoon.  Borrows
 * root and snap.  EX_DATAERR, EX_UNAVAILABLE.  EX_NOINPUT: a layer is not here.
 */
int export_begin(struct export *x, const struct root *root,
    const struct snap *snap, const struct export_how *how, struct error *err);

/*
 * Looks at every file, and computes digests that the snapshot lacks.
 * EX_DATAERR: a file is missing, or not of the size that was saved.
 */
int export_prepare(struct export *x, struct error *err);
void export_fini(struct export *x);

/* Bytes of data, and of the archive without compression. */
int export_estimate(struct export *x, bool is_dense, struct error *err);

/* Writes envelope, files and trailer to `fd`; *bytes is what went there. */
int export_write(struct export *x, int fd, const char *what,
    const struct archive_how *how, uint64_t *bytes, struct error *err);

#endif
