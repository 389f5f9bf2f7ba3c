/* SPDX-License-Identifier: ISC */
/* One snapshot, in the store or in any directory, held open and locked. */
#ifndef STATE_SNAP_H
#define STATE_SNAP_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "snapshot/envelope.h"
#include "snapshot/sidecar.h"
#include "state/root.h"

struct snap;

/*
 * Finds the snapshot that `ref` names under `root`, which it borrows, and
 * holds a shared lock on it until snap_close().  On success *out is the
 * caller's; otherwise it is as it was.  EX_NOINPUT: none fits, or several.
 * EX_DATAERR: its envelope is wrong.  EX_TEMPFAIL: it is being removed.
 */
int snap_open(struct snap **out, const struct root *root, const char *ref,
    struct error *err);

/* The same for a directory that is only read, and not locked. */
int snap_open_dir(struct snap **out, const char *path, struct error *err);

void snap_close(struct snap *snap);

/* All borrowed from the snapshot. */
const char *snap_id(const struct snap *snap); /* store id, or the envelope's */
const char *snap_stored_id(const struct snap *snap); /* or NULL */
/*
 * Its envelope's name, of one in the store only while that name leads to it; or
 * "".
 */
const char *snap_name(const struct snap *snap);
int snap_fd(const struct snap *snap); /* its directory */
const struct envelope *snap_envelope(const struct snap *snap);

/*
 * The VM that it was saved from, by its sidecar; "" when that does not say, or
 * is not there.  EX_DATAERR.
 */
int snap_origin(char vm_id[ID_LEN + 1], const struct snap *snap,
    struct error *err);

/* Names of the files that are there but the envelope, sorted.  EX_IOERR. */
int snap_files(struct strv *names, const struct snap *snap, struct error *err);

/* Apparent and allocated bytes of all its files.  EX_IOERR. */
int snap_sizes(uint64_t *apparent_bytes, uint64_t *allocated_bytes,
    const struct snap *snap, struct error *err);

/* The record that tools print (json_decref).  `root` NULL: no access time. */
int snap_report(json_t **out, const struct snap *snap, const struct root *root,
    struct error *err);

#endif
