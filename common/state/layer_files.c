/* SPDX-License-Identifier: ISC */
#include "state/layer_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "disk/digest_file.h"
#include "snapshot/signature.h"
#include "snapshot/working_set.h"
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

static int
add_open(struct layer_files *l, struct envelope *e, const char *name, int fd,
    uint64_t size, struct error *err)
{
	struct envelope_file *file = envelope_add_file(e, name, err);
	struct layer_file *grown;

	if (file == NULL ||
	    digest_file(&file->digest, fd, size, name, err) == -1)
		return -1;
	file->has_digest = true;
	file->size_bytes = size;
	grown = realloc(l->v, (l->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return error_nomem(err, NULL);
	l->v = grown;
	snprintf(grown[l->n].name, sizeof(grown->name), "%s", name);
	grown[l->n++].fd = fd;
	return 0;
}

/* Both are told, where there are two. */
static void
left_out(struct layer_files *l, const struct error *why)
{
	size_t len = strlen(l->note);

	snprintf(l->note + len, sizeof(l->note) - len, "%sleft out: %s",
	    len == 0 ? "" : "; ", why->msg);
}

int
layer_files_add_set(struct layer_files *l, struct envelope *e,
    const struct snap *snap, struct error *err)
{
	struct working_set w = { 0 };
	struct error why = { 0 };
	uint64_t size;
	int fd;

	if (envelope_find_file(e, WORKING_SET_NAME) != NULL)
		return 0;
	/* Of one inode, whoever puts another one in its place meanwhile. */
	if (fd_open_file(&fd, &size, snap_fd(snap), WORKING_SET_NAME, O_RDONLY,
		&why) == 0) {
		if (working_set_read_open(&w, fd, size, e->machine.memory_bytes,
			&why) == 0) {
			working_set_fini(&w);
			if (add_open(l, e, WORKING_SET_NAME, fd, size, err) ==
			    0)
				return 0;
			fd_drop(&fd);
			return -1;
		}
		fd_drop(&fd);
	}
	if (why.code != EX_NOINPUT)
		left_out(l, &why);
	return 0;
}

int
layer_files_add_signatures(struct layer_files *l, struct envelope *e,
    const struct snap *snap, struct error *err)
{
	struct signature_list list = { .n = 0 };
	struct error why = { 0 };
	uint64_t size;
	int fd;

	if (envelope_find_file(e, SIGNATURE_NAME) != NULL)
		return 0;
	if (fd_open_file(&fd, &size, snap_fd(snap), SIGNATURE_NAME, O_RDONLY,
		&why) == 0) {
		if (signature_list_read_open(&list, fd, size, &why) == 0) {
			signature_list_fini(&list);
			if (add_open(l, e, SIGNATURE_NAME, fd, size, err) == 0)
				return 0;
			fd_drop(&fd);
			return -1;
		}
		fd_drop(&fd);
	}
	if (why.code != EX_NOINPUT)
		left_out(l, &why);
	return 0;
}
