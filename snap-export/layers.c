/* SPDX-License-Identifier: ISC */
#include "layers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/fd.h"
#include "state/layerfile.h"

void
layers_fini(struct layers *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		fd_drop(&l->v[i].fd);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

int
layers_fd(const struct layers *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, name) == 0)
			return l->v[i].fd;
	return -1;
}

static int
open_one(struct layers *l, struct envelope *e, const struct root *root,
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
layers_open(struct layers *l, struct envelope *e, const struct root *root,
    const struct snap *snap, struct error *err)
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

void
layers_warn(const struct envelope *e, bool is_cocoon)
{
	const struct layer_list *list = &e->machine.layers;
	char name[LAYER_FILE_MAX];
	size_t i;

	for (i = 0; i < list->n; i++) {
		layer_file_name(name, &list->v[i]);
		if (envelope_find_file(e, name) == NULL)
			diag("warning: layer %s (%" PRIu64 " bytes) is not in "
			     "the archive%s",
			    list->v[i].name, list->v[i].size_bytes,
			    is_cocoon ? "" : ": --with-layers takes it along");
	}
}
