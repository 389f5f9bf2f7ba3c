/* SPDX-License-Identifier: ISC */
/* Layers that go along with a snapshot, as files of it. */
#ifndef LAYERS_H
#define LAYERS_H

#include "snapshot/envelope.h"
#include "state/snap.h"

struct layer_file {
	char name[LAYER_FILE_MAX];
	int fd;
};

struct layers { /* { 0 } is none */
	struct layer_file *v;
	size_t n;
};

/*
 * Opens each layer of the snapshot and adds it to the files of *e, which has
 * all others; those that the snapshot itself has are among them already.
 * EX_NOINPUT: one is not here.
 */
int layers_open(struct layers *l, struct envelope *e, const struct root *root,
    const struct snap *snap, struct error *err);
void layers_fini(struct layers *l);

/* The descriptor of the file of that name, borrowed, or -1. */
int layers_fd(const struct layers *l, const char *name);

/* Warns of each layer that the files of the envelope do not bring along. */
void layers_warn(const struct envelope *e, bool is_cocoon);

#endif
