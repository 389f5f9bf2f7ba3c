/* SPDX-License-Identifier: ISC */
/*
 * An archive as a snapshot for one use: unpacked beside the store's snapshots,
 * where nobody sees it, and gone afterwards.
 */
#ifndef STATE_STAGE_H
#define STATE_STAGE_H

#include <stdbool.h>

#include "base/error.h"
#include "snapshot/signers.h"
#include "state/root.h"
#include "state/snap.h"

struct stage { /* { 0 } is none */
	struct root_new dir;
	struct snap *snap; /* as snap_open_dir() has it */
	char warning[ERROR_MSG_MAX]; /* "", or what was put up with */
};

/*
 * Unpacks the archive `path` ("-": standard input) and checks it as an import
 * does, and that `signers` (NULL: whoever it be) have signed it, in an enclosed
 * process of its own, which ends with us.  Shows progress unless `quiet`.  Must
 * be called before any thread is started.  EX_NOINPUT: no such archive.
 * EX_DATAERR: it breaks its format, or is not what was saved.  EX_NOPERM: they
 * have not signed it.  EX_IOERR: no room.
 */
int stage_open(struct stage *out, const struct root *root, const char *path,
    struct signers *signers, bool quiet, struct error *err);

/* Removes it; what was linked from it stays.  Takes { 0 }. */
void stage_close(struct stage *stage);

#endif
