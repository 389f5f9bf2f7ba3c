/* SPDX-License-Identifier: ISC */
/*
 * A snapshot to be used, wherever it is: in the store, in a directory, in an
 * archive.  A further carrier is a further member of source_how and a function
 * in source.c; the tools that take snapshots need no line for it but the option.
 */
#ifndef STATE_SOURCE_H
#define STATE_SOURCE_H

#include <stdbool.h>

#include "base/error.h"
#include "state/root.h"
#include "state/snap.h"
#include "state/stage.h"

/* One of the three; the others are NULL. */
struct source_how {
	const char *ref; /* in the store */
	const char *dir; /* --from-dir */
	const char *archive; /* "-": standard input */
	bool quiet; /* no progress of an archive */
	/*
	 * Who has to have signed it; NULL: whoever it be.  Of a directory it is
	 * seen that there are no other files, and that no other user than root may
	 * change these; what they are, their digests tell.
	 */
	struct signers *signers;
	bool keep_access; /* one in the store is looked at, not used */
};

struct source { /* { 0 } is none */
	struct snap *snap; /* what it is all about */
	struct stage stage; /* of an archive: it has the snapshot */
};

/*
 * Opens the snapshot, which borrows `root`, and notes the access where the
 * store has it.  On success *out is the caller's (source_close).  Errors are
 * those of snap_open(), snap_open_dir(), stage_open() and signers_check().
 */
int source_open(struct source *out, const struct root *root,
    const struct source_how *how, struct error *err);

/*
 * The same of what `who` must have signed, in place of how->signers, and before
 * there is a thread.  *unread: then nobody has held the files of the directory
 * against their digests yet, but for a mount of ours, which does; else it is as it
 * was.
 */
int source_open_signed(struct source *out, bool *unread,
    const struct root *root, const struct source_how *how,
    const struct signers_how *who, struct error *err);

/* "", or what was put up with: for whoever has succeeded. */
const char *source_warning(const struct source *source);

/* Takes { 0 }. */
void source_close(struct source *source);

#endif
