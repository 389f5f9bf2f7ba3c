/* SPDX-License-Identifier: ISC */
#include "save.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "disk/extent.h"
#include "vmm/overlay.h"

/* A reflink takes 5 us an extent: beyond this many the switch is shorter. */
#define EXTENTS_MAX 4000

/* Whether the disk file can be reflinked in a moment. */
static bool
is_quick_to_reflink(const struct save *s, const char *file)
{
	uint64_t n;
	int fd;

	if (fd_open_file(&fd, NULL, s->at->dirfd, file, O_RDONLY, NULL) == -1)
		return false;
	n = extent_count(fd);
	fd_drop(&fd);
	return n <= EXTENTS_MAX;
}

/* What a copy of the disk file would take, added to *sum. */
static int
add_allocated(uint64_t *sum, const struct save *s, const char *file,
    struct error *err)
{
	struct stat st;

	if (fstatat(s->at->dirfd, file, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return error_sys(err, EX_IOERR, "%s", file);
	*sum += (uint64_t)st.st_blocks * 512;
	return 0;
}

int
disks_plan(struct save *s, struct error *err)
{
	const struct storage_list *disks = &s->at->vm.disks;
	bool reflinks = copy_can_reflink(s->snap.dirfd);
	bool can_switch = vmm_traits(s->at->vm.hypervisor)->can_switch;
	struct disk_plan *plan;
	uint64_t copied = 0;
	size_t i;

	for (i = 0; i < disks->n; i++) {
		plan = &s->disks[i];
		plan->way = DISK_AS_IT_IS;
		if (disks->v[i].ro)
			continue;
		plan->way = DISK_REFLINK;
		if (!can_switch && !reflinks &&
		    add_allocated(&copied, s, disks->v[i].path, err) == -1)
			return -1;
		if (!can_switch ||
		    (reflinks && is_quick_to_reflink(s, disks->v[i].path)))
			continue;
		plan->way = DISK_SWITCH;
		if (chain_next_name(&plan->overlay, disks->v[i].path,
			chain_overlay(), err) == -1)
			return -1;
		s->overlays[i] = plan->overlay;
		s->switches = true;
	}
	return copied == 0 ? 0 : save_need_room(s, copied, err);
}

/* The list of the VM's disks as they will be after the switch. */
static int
plan_next(struct save *s, struct error *err)
{
	const struct storage_list *disks = &s->at->vm.disks;
	size_t i;

	for (i = 0; i < disks->n; i++) {
		if (storage_list_add(&s->next, &disks->v[i], err) == -1)
			return -1;
		if (s->disks[i].way == DISK_SWITCH &&
		    overlay_push(&s->next.v[i], s->disks[i].overlay, err) == -1)
			return -1;
	}
	return 0;
}

static void
swap_disks(struct save *s)
{
	struct storage_list other = s->next;

	s->next = s->at->vm.disks;
	s->at->vm.disks = other;
}

/*
 * Overlays first, then the record that names them: an empty overlay reads as
 * what lies under it, so that a crash from here on loses nothing.  The other
 * way round a crash would start the VM on files that a snapshot holds.
 */
int
disks_prepare(struct save *s, struct error *err)
{
	const struct storage_list *disks = &s->at->vm.disks;
	size_t i;
	int rc;

	if (!s->switches)
		return 0;
	for (i = 0; i < disks->n; i++)
		if (s->disks[i].way == DISK_SWITCH &&
		    overlay_make(s->at->dirfd, disks->v[i].path,
			s->disks[i].overlay, err) == -1)
			return -1;
	hook_step("overlays-made");
	if (plan_next(s, err) == -1 ||
	    fd_sync_dir(s->at->dirfd, s->at->dir, err) == -1)
		return -1;
	swap_disks(s);
	rc = vm_at_write(s->at, true, &s->now, err);
	swap_disks(s);
	hook_step("overlays-recorded");
	/* A VM that ends in its save is started on the overlays next time. */
	if (rc == -1 || s->stop)
		return rc;
	rc = vmm_add_overlays(s->vmm, s->overlays, err);
	s->added = rc == 0;
	return rc;
}

int
disks_switch(struct save *s, struct error *err)
{
	if (!s->switches)
		return 0;
	if (!s->stop && vmm_switch_disks(s->vmm, s->overlays, err) == -1)
		return -1;
	swap_disks(s);
	s->switched = true;
	return 0;
}

/* s->next is the disks before the switch, or the same without one. */
static const struct storage_list *
frozen_disks(const struct save *s)
{
	return s->switched ? &s->next : &s->at->vm.disks;
}

int
disks_reflink(struct save *s, struct error *err)
{
	const struct storage_list *disks = frozen_disks(s);
	enum copy_how how;
	size_t i;

	for (i = 0; i < disks->n; i++) {
		if (s->disks[i].way != DISK_REFLINK)
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
	if (envelope_find_layer(s->at->vm.layers, s->at->vm.layers_n, name) !=
	    NULL)
		return 0;
	return copy_file(NULL, s->snap.dirfd, name, s->at->dirfd, name,
	    COPY_MAY_LINK | COPY_MAY_REFLINK, err);
}

/* The frozen files: tops that were switched away, and every chain. */
int
disks_link(struct save *s, struct error *err)
{
	const struct storage_list *disks = frozen_disks(s);
	size_t i, k;

	for (i = 0; i < disks->n; i++) {
		if (disks->v[i].role == STORAGE_LAYER)
			continue;
		if (s->disks[i].way != DISK_REFLINK &&
		    link_file(s, disks->v[i].path, err) == -1)
			return -1;
		for (k = 0; k < disks->v[i].backing.n; k++)
			if (link_file(s, disks->v[i].backing.v[k], err) == -1)
				return -1;
	}
	return 0;
}

/*
 * QEMU may have switched although no answer came: what it says counts.  When it
 * says nothing, the record stays; an overlay that nobody used does no harm.
 */
void
disks_undo(struct save *s)
{
	const struct storage_list *disks = &s->at->vm.disks;
	struct sidecar now;
	size_t i;

	if (!s->switches || vmm_describe(s->vmm, &now, NULL) == -1)
		return;
	sidecar_fini(&now);
	if (s->added)
		vmm_drop_overlays(s->vmm, s->overlays);
	/* The record first: it must never name a file that is gone. */
	if (vm_at_write(s->at, true, &s->now, NULL) == -1)
		return;
	for (i = 0; i < disks->n; i++)
		if (s->disks[i].way == DISK_SWITCH &&
		    strcmp(disks->v[i].path, s->disks[i].overlay) != 0)
			unlinkat(s->at->dirfd, s->disks[i].overlay, 0);
}
