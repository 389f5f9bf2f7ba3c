/* SPDX-License-Identifier: ISC */
#include "merge.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "disk/qemu_img.h"
#include "snapshot/sidecar.h"
#include "state/layerfile.h"

#define CHAINS "chains" /* in the hidden directory: links to read */

int
merge_dirfd(const struct merge *m, const struct snap *snap, const char *name)
{
	return strv_has(&m->names, name) ? m->made.dirfd : snap_fd(snap);
}

void
merge_fini(struct merge *m)
{
	root_new_end(&m->made);
	strv_fini(&m->names);
}

/* A raw file takes the place of `name` in the list, or goes out of it. */
static void
drop_file(struct envelope *e, const char *name)
{
	struct envelope_file *f = envelope_find_file(e, name);
	size_t at;

	if (f == NULL)
		return;
	at = (size_t)(f - e->files);
	free(f->name);
	memmove(f, f + 1, (e->files_n - at - 1) * sizeof(*f));
	e->files_n--;
}

/* A link to a file of the snapshot, or to a layer of the root. */
static int
link_one(int dirfd, const struct envelope *e, const struct root *root,
    const struct snap *snap, const char *name, struct error *err)
{
	const struct layer *layer = layer_find(&e->machine.layers, name);
	struct stat st;
	int fd;

	/* Two chains may lie on one layer. */
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (layer == NULL)
		return linkat(snap_fd(snap), name, dirfd, name, 0) == 0
		    ? 0
		    : error_sys(err, error_code_of(errno), "%s", name);
	if (root_layer_open(&fd, NULL, root, &layer->digest, NULL) == -1)
		return layerfile_absent(layer, root, EX_NOINPUT, err);
	fd_drop(&fd);
	return root_layer_link(root, &layer->digest, dirfd, name, err);
}

static bool
lies_on_layer(const struct storage *disk, const struct envelope *e)
{
	size_t n = disk->backing.n;

	return n > 0 &&
	    layer_find(&e->machine.layers, disk->backing.v[n - 1]) != NULL;
}

/*
 * Where the chain of a disk can be read: the snapshot's directory, or, where it
 * lies on a layer, one with links to all its files.  *fd is the caller's.
 */
static int
open_chain(int *fd, const struct merge *m, const struct envelope *e,
    const struct root *root, const struct snap *snap,
    const struct storage *disk, struct error *err)
{
	size_t i;
	int rc;

	if (!lies_on_layer(disk, e))
		return fd_open_dir(fd, snap_fd(snap), ".", false, err);
	if (mkdirat(m->made.dirfd, CHAINS, 0700) == -1 && errno != EEXIST)
		return error_sys(err, error_code_of(errno), CHAINS);
	if (fd_open_dir(fd, m->made.dirfd, CHAINS, false, err) == -1)
		return -1;
	rc = link_one(*fd, e, root, snap, path_base(disk->path), err);
	for (i = 0; rc == 0 && i < disk->backing.n; i++)
		rc = link_one(*fd, e, root, snap, disk->backing.v[i], err);
	if (rc == -1)
		fd_drop(fd);
	return rc;
}

/* A layer that no disk is any more is not needed where the archive goes. */
static void
drop_layer(struct envelope *e, const char *name,
    const struct storage_list *disks)
{
	struct layer_list *list = &e->machine.layers;
	const struct layer *layer = layer_find(list, name);
	size_t i, at;

	if (layer == NULL)
		return;
	for (i = 0; i < disks->n; i++)
		if (strcmp(path_base(disks->v[i].path), name) == 0)
			return;
	at = (size_t)(layer - list->v);
	free(list->v[at].name);
	free(list->v[at].path);
	memmove(&list->v[at], &list->v[at + 1],
	    (list->n - at - 1) * sizeof(*list->v));
	list->n--;
}

/* Every file of the chain names the one beneath it, and nothing else. */
static int
check_chain(int dirfd, const struct storage *disk, struct error *err)
{
	const char *name = path_base(disk->path), *below;
	uint64_t size;
	size_t i;
	int fd, rc = 0;

	for (i = 0; i <= disk->backing.n && rc == 0; i++) {
		below = i < disk->backing.n ? disk->backing.v[i] : NULL;
		if (!chain_format(name)->is_flat) {
			if (fd_open_file(&fd, &size, dirfd, name, O_RDONLY,
				err) == -1)
				return -1;
			rc = chain_check(fd, size, 0, name, below, err);
			fd_drop(&fd);
		}
		name = below;
	}
	return rc;
}

static int
convert(const struct merge *m, int dirfd, const char *top, const char *to,
    struct error *err)
{
	int fd, rc;

	fd = openat(m->made.dirfd, to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", to);
	rc = qemu_img_convert(fd, dirfd, top, chain_format(top), err);
	fd_drop(&fd);
	return rc;
}

/* The name that cocoon looks for: cow.raw, data-NAME.raw. */
static int
raw_name(char out[PATH_NAME_MAX + 1], const struct storage *disk,
    struct error *err)
{
	if (disk->role == STORAGE_COW)
		snprintf(out, PATH_NAME_MAX + 1, "cow.raw");
	else if (disk->role == STORAGE_DATA)
		snprintf(out, PATH_NAME_MAX + 1, "data-%s.raw", disk->serial);
	else
		return error_set(err, EX_DATAERR,
		    "%s: overlays of a disk that is no cow or data disk",
		    disk->path);
	return 0;
}

static int
merge_disk(struct merge *m, struct envelope *e, const struct root *root,
    const struct snap *snap, struct storage *disk, struct error *err)
{
	char name[PATH_NAME_MAX + 1];
	char *path;
	size_t i;
	int fd, rc;

	if (raw_name(name, disk, err) == -1 ||
	    open_chain(&fd, m, e, root, snap, disk, err) == -1)
		return -1;
	rc = check_chain(fd, disk, err);
	if (rc == 0)
		rc = convert(m, fd, path_base(disk->path), name, err);
	fd_drop(&fd);
	if (rc == -1 || strv_add(&m->names, err, "%s", name) == -1)
		return -1;
	drop_file(e, path_base(disk->path));
	for (i = 0; i < disk->backing.n; i++)
		drop_file(e, disk->backing.v[i]);
	path = strdup(name);
	if (path == NULL)
		return error_sys(err, EX_OSERR, "%s", name);
	free(disk->path);
	disk->path = path;
	strv_fini(&disk->backing);
	return envelope_add_file(e, name, err) == NULL ? -1 : 0;
}

static int
merge_all(struct merge *m, struct envelope *e, const struct root *root,
    const struct snap *snap, struct sidecar *sidecar, struct error *err)
{
	const struct storage_list *disks = &sidecar->machine.disks;
	struct envelope_file *f;
	size_t i;

	for (i = 0; i < sidecar->machine.disks.n; i++)
		if (sidecar->machine.disks.v[i].backing.n != 0 &&
		    merge_disk(m, e, root, snap, &sidecar->machine.disks.v[i],
			err) == -1)
			return -1;
	for (i = e->machine.layers.n; i-- > 0;)
		drop_layer(e, e->machine.layers.v[i].name, disks);
	if (sidecar_write(m->made.dirfd, sidecar, err) == -1 ||
	    strv_add(&m->names, err, "%s", SIDECAR_NAME) == -1)
		return -1;
	f = envelope_find_file(e, SIDECAR_NAME);
	if (f != NULL)
		f->has_digest = false;
	return 0;
}

int
merge_overlays(struct merge *m, struct envelope *e, const struct root *root,
    const struct snap *snap, struct error *err)
{
	struct sidecar sidecar = { 0 };
	struct error why = { 0 };
	size_t i, chains = 0;
	int rc = 0;

	if (sidecar_read(&sidecar, snap_fd(snap), &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 0;
		*err = why;
		return -1;
	}
	for (i = 0; i < sidecar.machine.disks.n; i++)
		chains += sidecar.machine.disks.v[i].backing.n != 0;
	if (chains != 0 &&
	    (root_new_begin(&m->made, root, ROOT_SNAP, "", err) == -1 ||
		merge_all(m, e, root, snap, &sidecar, err) == -1))
		rc = -1;
	sidecar_fini(&sidecar);
	return rc;
}
