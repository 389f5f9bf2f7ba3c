/* SPDX-License-Identifier: ISC */
#include "state/layer_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "state/layerfile.h"

void
layer_files_fini(struct layer_files *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		fd_drop(&l->v[i].fd);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

int
layer_files_fd(const struct layer_files *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, name) == 0)
			return l->v[i].fd;
	return -1;
}

static int
open_one(struct layer_files *l, struct envelope *e, const struct root *root,
    const struct snap *snap, const struct layer *layer, struct error *err)
{
	struct layer_file *to = &l->v[l->n];
	struct envelope_file *file;
	struct error why = { 0 };
	uint64_t size;

	layer_file_name(to->name, layer);
	/* Two names of one layer are one file. */
	if (envelope_find_file(e, to->name) != NULL)
		return 0;
	/* One that was written to is refused before anything goes out. */
	if (root != NULL &&
	    root_layer_check(&size, root, &layer->digest, &why) == -1 &&
	    why.code != EX_NOINPUT) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (layerfile_find(&to->fd, root, snap_fd(snap), layer, err) == -1)
		return -1;
	l->n++;
	file = envelope_add_file(e, to->name, err);
	if (file == NULL)
		return -1;
	file->has_digest = true;
	file->size_bytes = layer->size_bytes;
	file->digest = layer->digest;
	return 0;
}

int
layer_files_open(struct layer_files *l, struct envelope *e,
    const struct root *root, const struct snap *snap, struct error *err)
{
	const struct layer_list *list = &e->machine.layers;
	size_t i;

	if (list->n == 0)
		return 0;
	l->v = calloc(list->n, sizeof(*l->v));
	if (l->v == NULL)
		return error_nomem(err, "layers");
	for (i = 0; i < list->n; i++)
		if (open_one(l, e, root, snap, &list->v[i], err) == -1)
			return -1;
	return 0;
}
