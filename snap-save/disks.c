/* SPDX-License-Identifier: ISC */
#include "save.h"

#include <sys/stat.h>

#include <fcntl.h>

#include "disk/copy.h"
#include "state/inplace.h"

/* What a copy of the disk file would take, added to *sum. */
static int
add_allocated(uint64_t *sum, const struct save *s, const char *file,
    struct error *err)
{
	struct stat st;

	if (fstatat(s->at->dirfd, file, &st, 0) == -1)
		return error_sys(err, EX_IOERR, "%s", file);
	*sum += (uint64_t)st.st_blocks * 512;
	return 0;
}

/* What lies in place is copied, for the snapshot to be whole by itself. */
static int
add_in_place(uint64_t *sum, const struct save *s, const struct storage *disk,
    struct error *err)
{
	const char *file;
	size_t k;

	for (k = 0; k <= disk->backing.n; k++) {
		file = k == 0 ? disk->path : disk->backing.v[k - 1];
		if (layer_find(&s->at->vm.machine.layers, file) == NULL &&
		    inplace_is_link(s->at->vm.depends_on, s->at->dirfd, file) &&
		    add_allocated(sum, s, file, err) == -1)
			return -1;
	}
	return 0;
}

int
disks_plan(struct save *s, struct error *err)
{
	const struct storage_list *disks = &s->at->vm.machine.disks;
	bool reflinks = copy_can_reflink(s->snap.dirfd);
	uint64_t copied = 0;
	size_t i;

	for (i = 0; i < disks->n; i++) {
		if (freeze_plan(&s->freeze, i, reflinks, err) == -1)
			return -1;
		if (s->freeze.ways[i] == FREEZE_REFLINK && !reflinks &&
		    add_allocated(&copied, s, disks->v[i].path, err) == -1)
			return -1;
		if (add_in_place(&copied, s, &disks->v[i], err) == -1)
			return -1;
	}
	return copied == 0 ? 0 : save_need_room(s, copied, err);
}

int
disks_reflink(struct save *s, struct error *err)
{
	const struct storage_list *disks = freeze_disks(&s->freeze);
	enum copy_how how;
	size_t i;

	for (i = 0; i < disks->n; i++) {
		if (s->freeze.ways[i] != FREEZE_REFLINK)
			continue;
		if (copy_file(&how, s->snap.dirfd, disks->v[i].path,
			s->at->dirfd, disks->v[i].path, COPY_MAY_REFLINK,
			err) == -1)
			return -1;
	}
	return 0;
}

static int
link_file(struct save *s, const char *name, struct error *err)
{
	if (layer_find(&s->at->vm.machine.layers, name) != NULL)
		return 0;
	return save_share(s, name, COPY_MAY_LINK | COPY_MAY_REFLINK, err);
}

/* The frozen files: tops that were switched away, and every chain. */
int
disks_link(struct save *s, struct error *err)
{
	const struct storage_list *disks = freeze_disks(&s->freeze);
	size_t i, k;

	for (i = 0; i < disks->n; i++) {
		if (disks->v[i].role == STORAGE_LAYER)
			continue;
		if (s->freeze.ways[i] != FREEZE_REFLINK &&
		    link_file(s, disks->v[i].path, err) == -1)
			return -1;
		for (k = 0; k < disks->v[i].backing.n; k++)
			if (link_file(s, disks->v[i].backing.v[k], err) == -1)
				return -1;
	}
	return 0;
}
