/* SPDX-License-Identifier: ISC */
#include "layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/json.h"
#include "disk/digest_file.h"
#include "disk/input.h"
#include "state/layerfile.h"
#include "state/snap.h"

/* What the open file is, under the name of its path. */
static int
digest_it(struct layer *out, int fd, uint64_t size, char *path,
    struct error *err)
{
	memset(out, 0, sizeof(*out));
	out->name = path;
	out->size_bytes = size;
	return digest_file(&out->digest, fd, size, path, err);
}

/* A copy (a reflink where possible) lies in what is built until it is known. */
static int
bring(struct intake *in, struct layer_list *out, char *path, struct error *err)
{
	char name[32];
	struct layer layer;
	uint64_t size;
	int fd, rc = -1;

	snprintf(name, sizeof(name), INTAKE_GIVEN, out->n);
	if (input_copy(in->made.dirfd, name, path, err) == -1 ||
	    fd_open_file(&fd, &size, in->made.dirfd, name, O_RDONLY, err) == -1)
		return -1;
	if (digest_it(&layer, fd, size, path, err) == 0)
		rc = layer_list_add(out, &layer, err);
	if (rc == 0 && fsync(fd) == -1)
		rc = error_sys(err, EX_IOERR, "%s", path);
	fd_drop(&fd);
	return rc;
}

int
layer_bring_all(struct intake *in, struct intake_how *how,
    const struct strv *files, struct error *err)
{
	size_t i;

	for (i = 0; i < files->n; i++)
		if (bring(in, &how->layers, files->v[i], err) == -1)
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

enum look { BY_SIZE, BY_DIGEST, TO_REPORT };

/*
 * How many snapshots have a layer that is as long, or the layer itself, and
 * whose records are printed if need be.
 */
static int
look(size_t *n, const struct root *root, const struct layer *given,
    enum look how, const char *members, struct error *err)
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
		if (how == BY_SIZE ? has_size(list, given->size_bytes)
				   : find(list, given) != NULL)
			++*n;
		if (how == TO_REPORT && find(list, given) != NULL) {
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

/* Before it is taken: no snapshot of this root has anything to do with it. */
static int
is_none_of_ours(const char *file, struct error *err)
{
	return error_set(err, EX_DATAERR, "%s: no layer of a snapshot here",
	    file);
}

static int
take(const struct root *root, char *file, const char *members,
    struct error *err)
{
	struct layer given = { 0 };
	struct digest digest;
	uint64_t size;
	size_t n = 0;
	int fd, rc;

	if (fd_open_path(&fd, &given.size_bytes, file, O_RDONLY, err) == -1)
		return -1;
	/* Not all of it is read where no layer is as long. */
	rc = look(&n, root, &given, BY_SIZE, NULL, err);
	if (rc == 0 && n > 0)
		rc = digest_it(&given, fd, given.size_bytes, file, err);
	if (rc == 0 && n > 0)
		rc = look(&n, root, &given, BY_DIGEST, NULL, err);
	fd_drop(&fd);
	if (rc == 0 && n == 0)
		rc = is_none_of_ours(file, err);
	if (rc == -1 ||
	    root_layer_add(&digest, &size, root, AT_FDCWD, file, err) == -1)
		return -1;
	if (!digest_equal(&digest, &given.digest))
		return error_set(err, EX_TEMPFAIL,
		    "%s: changed while it was read", file);
	return look(&n, root, &given, TO_REPORT, members, err) == -1
	    ? -1
	    : json_report_end(err);
}

int
layer_import(const char *path, char *file, const char *members, bool quiet,
    struct error *err)
{
	struct root_new building = { 0 };
	struct root *root;
	int rc = -1;

	if (root_open_existing(&root, path, err) == -1)
		return -1;
	if (!quiet)
		root_show_progress(root);
	/* So that state-gc leaves layers alone. */
	if (root_new_begin(&building, root, ROOT_SNAP, "", err) == 0)
		rc = take(root, file, members, err);
	root_new_end(&building);
	root_close(root);
	return rc;
}
