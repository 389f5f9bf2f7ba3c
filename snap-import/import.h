/* SPDX-License-Identifier: ISC */
/* An archive becomes a snapshot of the store. */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>

#include "archive/unpack.h"
#include "base/progress.h"
#include "snapshot/envelope.h"
#include "state/root.h"

#define IMPORT_TEXT_MAX 65536 /* bytes of a description */

struct import_how {
	const char *name; /* -n, or NULL */
	const char *text; /* -d, or NULL: the envelope's */
	const char *base; /* --base, or NULL */
	const char *configs; /* --storage-config, or NULL */
	bool need_digests; /* --require-digests */
	bool trust_paths; /* --trust-paths */
};

struct import { /* { 0 } is none */
	struct root *root;
	struct root_new made;
	struct unpack unpack;
	struct envelope envelope;
	struct progress progress;
};

/* Opens the root and claims the name. */
int import_begin(struct import *m, const char *root,
    const struct import_how *how, struct error *err);

/*
 * Reads and checks the archive at `fd`, which `what` names, and publishes the
 * snapshot.  Warns of what it put up with.
 */
int import_archive(struct import *m, int fd, const char *what,
    const struct import_how *how, struct error *err);

/* Form, names and sizes, as all who use a snapshot have them checked. */
int import_check_form(int dirfd, const struct envelope *envelope,
    struct error *err);

/*
 * Syncs the file beneath `dirfd` and holds its digest and size against those
 * that *file has, or sets them where it has none.  EX_DATAERR: they differ.
 */
int import_seal_file(struct envelope_file *file, int dirfd, struct error *err);

/*
 * With all files and m->envelope there: checks the sidecar, writes the
 * envelope as the store's own, publishes.
 */
int import_publish(struct import *m, const struct import_how *how,
    struct error *err);

/* Prints the record of what was published. */
int import_report(struct import *m, const char *members, struct error *err);

/* Removes what was not published. */
void import_fini(struct import *m);

#endif
