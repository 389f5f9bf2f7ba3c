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

/* The layer of that name, borrowed, or NULL. */
const struct layer *layer_find(const struct layer_list *list, const char *name);

#endif
