/* SPDX-License-Identifier: ISC */
/*
 * What goes along with a snapshot as files of it: its layers, its working set, its
 * signatures.
 */
#ifndef STATE_LAYER_FILES_H
#define STATE_LAYER_FILES_H

#include "snapshot/envelope.h"
#include "state/snap.h"

struct layer_file {
	char name[LAYER_FILE_MAX];
	int fd;
};

struct layer_files { /* { 0 } is none */
	struct layer_file *v;
	size_t n;
	char note[ERROR_MSG_MAX + 16]; /* "", or what was left out, and why */
};

/*
 * Opens each layer of the snapshot and adds it to the files of *e, which has
 * all others; those that the snapshot itself has are among them already.
 * EX_NOINPUT: one is not here.
 */
int layer_files_open(struct layer_files *l, struct envelope *e,
    const struct root *root, const struct snap *snap, struct error *err);

/*
 * The same for its working set, which is none of its files: where there is one,
 * and it is what it should be.  What is wrong with it is in l->note.  EX_IOERR.
 */
int layer_files_add_set(struct layer_files *l, struct envelope *e,
    const struct snap *snap, struct error *err);

/* The same for its signatures. */
int layer_files_add_signatures(struct layer_files *l, struct envelope *e,
    const struct snap *snap, struct error *err);

void layer_files_fini(struct layer_files *l);

/* The descriptor of the file of that name, borrowed, or -1. */
int layer_files_fd(const struct layer_files *l, const char *name);

#endif
