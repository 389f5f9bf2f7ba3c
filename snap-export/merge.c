/* SPDX-License-Identifier: ISC */
#include "merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "disk/qemu_img.h"
#include "snapshot/sidecar.h"

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

/* Every file of the chain names the one beneath it, and nothing else. */
static int
check_chain(const struct snap *snap, const struct storage *disk,
    struct error *err)
{
	const char *name = path_base(disk->path), *below;
	uint64_t size;
	size_t i;
	int fd, rc = 0;

	for (i = 0; i <= disk->backing.n && rc == 0; i++) {
		below = i < disk->backing.n ? disk->backing.v[i] : NULL;
		if (!chain_format(name)->is_flat) {
			if (fd_open_file(&fd, &size, snap_fd(snap), name,
				O_RDONLY, err) == -1)
				return -1;
			rc = chain_check(fd, size, 0, name, below, err);
			fd_drop(&fd);
		}
		name = below;
	}
	return rc;
}

/* The chain is read in the snapshot's directory. */
static int
convert(const struct merge *m, const struct snap *snap, const char *top,
    const char *to, struct error *err)
{
	int fd, rc;

	fd = openat(m->made.dirfd, to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", to);
	rc = qemu_img_convert(fd, snap_fd(snap), top, chain_format(top), err);
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
merge_disk(struct merge *m, struct envelope *e, const struct snap *snap,
    struct storage *disk, struct error *err)
{
	char name[PATH_NAME_MAX + 1];
	char *path;
	size_t i;

	if (raw_name(name, disk, err) == -1 ||
	    check_chain(snap, disk, err) == -1 ||
	    convert(m, snap, path_base(disk->path), name, err) == -1 ||
	    strv_add(&m->names, err, "%s", name) == -1)
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
merge_all(struct merge *m, struct envelope *e, const struct snap *snap,
    struct sidecar *sidecar, struct error *err)
{
	struct envelope_file *f;
	size_t i;

	for (i = 0; i < sidecar->machine.disks.n; i++)
		if (sidecar->machine.disks.v[i].backing.n != 0 &&
		    merge_disk(m, e, snap, &sidecar->machine.disks.v[i], err) ==
			-1)
			return -1;
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
		merge_all(m, e, snap, &sidecar, err) == -1))
		rc = -1;
	sidecar_fini(&sidecar);
	return rc;
}
