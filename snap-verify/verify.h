/* SPDX-License-Identifier: ISC */
/* One snapshot's files against its envelope. */
#ifndef SNAP_VERIFY_VERIFY_H
#define SNAP_VERIFY_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"
#include "snapshot/signers.h"
#include "state/root.h"
#include "state/snap.h"

struct verify {
	const struct root *root; /* or NULL: layers are not looked at */
	struct signers *signers; /* the caller's, or NULL: nobody asks */
	bool quiet; /* no progress line */
	bool complete; /* a layer that is missing is a failure */
	struct strv layers; /* digests of the layers that were looked at */
	struct strv bad_layers; /* those of them that differ */
};

/*
 * Compares what is there with `files` and `digests`, and the layers that the
 * root has with `layers`, each layer once for all calls.  `label` stands
 * before each fault, and before each layer that neither the root nor the
 * directory has.  With an empty message, EX_DATAERR: there were faults;
 * EX_CONFIG: a layer is missing, and that is a failure.  EX_IOERR: it could not
 * be read to the end.  EX_NOPERM, before a file is read: not signed as it must be.
 */
int verify_snap(struct verify *v, const struct snap *snap, const char *label,
    struct error *err);

void verify_fini(struct verify *v);

#endif
