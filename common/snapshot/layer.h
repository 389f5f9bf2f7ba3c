/* SPDX-License-Identifier: ISC */
/* Layers: disks that are shared and never written, known by their digests. */
#ifndef SNAPSHOT_LAYER_H
#define SNAPSHOT_LAYER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/digest.h"

struct layer {
	char *name; /* plain name of the link in a VM's directory */
	char *path; /* where it lay when saved, or NULL */
	uint64_t size_bytes;
	struct digest digest;
};

struct layer_list { /* { 0 } is an empty one */
	struct layer *v;
	size_t n;
};

void layer_list_fini(struct layer_list *list);

/* Appends a deep copy.  EX_OSERR: out of memory. */
int layer_list_add(struct layer_list *list, const struct layer *layer,
    struct error *err);

/* Appends deep copies of all of `from`.  EX_OSERR. */
int layer_list_copy(struct layer_list *to, const struct layer_list *from,
    struct error *err);

/*
 * A snapshot may bring a layer along, as one more of its files, which is called
 * by the layer's digest; instar-snapshot(5), Layers.
 */
#define LAYER_FILE_MAX (6 + 2 * DIGEST_BYTES + 1) /* "layer-", hex, NUL */

void layer_file_name(char out[LAYER_FILE_MAX], const struct layer *layer);

/* The layer that a file of that name should be, borrowed, or NULL. */
const struct layer *layer_of_file(const struct layer_list *list,
    const char *file_name);

/* The layer of that name, borrowed, or NULL. */
const struct layer *layer_find(const struct layer_list *list, const char *name);

#endif
