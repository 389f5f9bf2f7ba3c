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

/* Whether what is open is worth taking along: -1 and why not. */
typedef int check_open(int fd, uint64_t size, const struct envelope *e,
    struct error *why);

static int
check_set(int fd, uint64_t size, const struct envelope *e, struct error *why)
{
	struct working_set w = { 0 };

	if (working_set_read_open(&w, fd, size, e->machine.memory_bytes, why) ==
	    -1)
		return -1;
	working_set_fini(&w);
	return 0;
}

static int
check_signatures(int fd, uint64_t size, const struct envelope *e,
    struct error *why)
{
	struct signature_list list = { .n = 0 };

	(void)e;
	if (signature_list_read_open(&list, fd, size, why) == -1)
		return -1;
	signature_list_fini(&list);
	return 0;
}

/*
 * One that the snapshot has, or it is left out.  It is open once: what was
 * checked is what goes, whoever puts another one in its place meanwhile.
 */
static int
add_checked(struct layer_files *l, struct envelope *e, const struct snap *snap,
    const char *name, check_open *check, struct error *err)
{
	struct error why = { 0 };
	uint64_t size;
	int fd = -1;

	if (envelope_find_file(e, name) != NULL)
		return 0;
	if (fd_open_file(&fd, &size, snap_fd(snap), name, O_RDONLY, &why) ==
		-1 ||
	    check(fd, size, e, &why) == -1) {
		fd_drop(&fd);
		if (why.code != EX_NOINPUT)
			left_out(l, &why);
		return 0;
	}
	if (add_open(l, e, name, fd, size, err) == 0)
		return 0;
	fd_drop(&fd);
	return -1;
}

int
layer_files_add_set(struct layer_files *l, struct envelope *e,
    const struct snap *snap, struct error *err)
{
	return add_checked(l, e, snap, WORKING_SET_NAME, check_set, err);
}

int
layer_files_add_signatures(struct layer_files *l, struct envelope *e,
    const struct snap *snap, struct error *err)
{
	return add_checked(l, e, snap, SIGNATURE_NAME, check_signatures, err);
}
