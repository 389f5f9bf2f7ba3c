/* SPDX-License-Identifier: ISC */
/* Layers that are given beside a snapshot, or after it. */
#ifndef LAYER_H
#define LAYER_H

#include "base/strv.h"
#include "state/snap.h"
#include "vmm/intake.h"

/*
 * The files are brought to what is built, and noted in how->layers by their
 * paths; layers they become when all of it is published.  EX_NOINPUT, EX_IOERR.
 */
int layer_bring_all(struct intake *in, struct intake_how *how,
    const struct strv *files, struct error *err);

/* EX_DATAERR: one of them is no layer of the snapshot that is taken in. */
int layer_check_all(const struct intake *in, const struct intake_how *how,
    struct error *err);

/* Warns of each layer of the snapshot that is not here. */
void layer_warn(const struct root *root, const struct snap *snap);

/*
 * The file becomes a layer of snapshots that are here already, whose records
 * are printed.  EX_DATAERR: no snapshot has such a layer.
 */
int layer_import(const char *root, char *file, const char *members, bool quiet,
    struct error *err);

#endif
