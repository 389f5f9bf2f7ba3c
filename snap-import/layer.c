/* SPDX-License-Identifier: ISC */
#include "layer.h"

#include <fcntl.h>
#include <string.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/json.h"
#include "state/layerfile.h"
#include "state/snap.h"

/* The file becomes a layer, which *out names by its path. */
static int
add(struct layer_list *out, const struct root *root, const char *file,
    struct error *err)
{
	char path[STORAGE_PATH_MAX + 1];
	struct layer layer = { .name = path };

	if (strlen(file) > STORAGE_PATH_MAX)
		return error_set(err, EX_USAGE, "--layer: a path too long");
	memcpy(path, file, strlen(file) + 1);
	if (root_layer_add(&layer.digest, &layer.size_bytes, root, AT_FDCWD,
		path, err) == -1)
		return -1;
	return layer_list_add(out, &layer, err);
}

int
layer_add_all(const struct intake *in, struct intake_how *how,
    const struct strv *files, struct error *err)
{
	size_t i;

	for (i = 0; i < files->n; i++)
		if (add(&how->layers, in->root, files->v[i], err) == -1)
			return -1;
	return 0;
}

static const struct layer *
find(const struct layer_list *list, const struct layer *given)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->v[i].size_bytes == given->size_bytes &&
		    digest_equal(&list->v[i].digest, &given->digest))
			return &list->v[i];
	return NULL;
}

int
layer_check_all(const struct intake *in, const struct intake_how *how,
    struct error *err)
{
	size_t i;

	for (i = 0; i < how->layers.n; i++)
		if (find(&in->envelope.machine.layers, &how->layers.v[i]) ==
		    NULL)
			return error_set(err, EX_DATAERR,
			    "--layer %s: no layer of this snapshot",
			    how->layers.v[i].name);
	return 0;
}

void
layer_warn(const struct root *root, const struct snap *snap)
{
	const struct layer_list *list = &snap_envelope(snap)->machine.layers;
	struct error why = { 0 };
	size_t i;
	int fd;

	for (i = 0; i < list->n; i++)
		if (layerfile_open(&fd, root, snap_fd(snap), &list->v[i],
			&why) == 0)
			fd_drop(&fd);
		else
			diag("warning: %s", why.msg);
}

static bool
has_size(const struct layer_list *list, uint64_t size_bytes)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->v[i].size_bytes == size_bytes)
			return true;
	return false;
}

/*
 * How many snapshots have the layer, whose records are printed; `by_size`: how
 * many have one that is as long.
 */
static int
look(size_t *n, const struct root *root, const struct layer *given,
    bool by_size, const char *members, struct error *err)
{
	const struct layer_list *list;
	json_t *record = NULL;
	struct strv ids = { 0 };
	struct snap *snap;
	size_t i;
	int rc;

	*n = 0;
	rc = root_list(&ids, root, ROOT_SNAP, err);
	for (i = 0; i < ids.n && rc == 0; i++) {
		/* One that is damaged or going has no say. */
		if (snap_open(&snap, root, ids.v[i], NULL) == -1)
			continue;
		list = &snap_envelope(snap)->machine.layers;
		if (by_size) {
			*n += has_size(list, given->size_bytes);
		} else if (find(list, given) != NULL) {
			++*n;
			rc = snap_report(&record, snap, root, err);
			if (rc == 0)
				rc = json_report(record, members, err);
			json_decref(record);
			record = NULL;
		}
		snap_close(snap);
	}
	strv_fini(&ids);
	return rc;
}

static int
take(const struct root *root, const char *file, const char *members,
    struct error *err)
{
	struct layer given = { 0 };
	struct layer_list added = { 0 };
	size_t n;
	int fd, rc;

	if (fd_open_path(&fd, &given.size_bytes, file, O_RDONLY, err) == -1)
		return -1;
	fd_drop(&fd);
	/* Before all of it is read. */
	if (look(&n, root, &given, true, NULL, err) == -1)
		return -1;
	rc = n == 0 ? 0 : add(&added, root, file, err);
	if (rc == 0 && n > 0)
		rc = look(&n, root, &added.v[0], false, members, err);
	layer_list_fini(&added);
	if (rc == 0 && n == 0)
		return error_set(err, EX_DATAERR,
		    "%s: no layer of a snapshot here", file);
	return rc == 0 ? json_report_end(err) : -1;
}

int
layer_import(const char *path, const char *file, const char *members,
    struct error *err)
{
	struct root_new building = { 0 };
	struct root *root;
	int rc = -1;

	if (root_open(&root, path, err) == -1)
		return -1;
	/* So that state-gc leaves layers alone. */
	if (root_new_begin(&building, root, ROOT_SNAP, "", err) == 0)
		rc = take(root, file, members, err);
	root_new_end(&building);
	root_close(root);
	return rc;
}
