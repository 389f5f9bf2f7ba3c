/* SPDX-License-Identifier: ISC */
#include "vmm/freeze.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/sig.h"
#include "disk/chain.h"
#include "disk/extent.h"
#include "vmm/overlay.h"
#include "vmm/watcher.h"

/* Whether the disk file can be reflinked in a moment. */
static bool
is_quick_to_reflink(int dirfd, const char *file)
{
	uint64_t n;
	int fd;

	if (fd_open_file(&fd, NULL, dirfd, file, O_RDONLY, NULL) == -1)
		return false;
	n = extent_count(fd);
	fd_drop(&fd);
	return n <= EXTENT_QUICK_MAX;
}

int
freeze_plan(struct freeze *f, size_t i, bool reflinks, struct error *err)
{
	const struct storage *disk = &f->at->vm.machine.disks.v[i];

	f->ways[i] = FREEZE_AS_IT_IS;
	if (disk->ro)
		return 0;
	f->ways[i] = FREEZE_REFLINK;
	if (!vmm_traits(f->at->vm.machine.hypervisor)->can_switch ||
	    (reflinks && is_quick_to_reflink(f->at->dirfd, disk->path)))
		return 0;
	if (chain_next_name(&f->overlays[i], disk->path, chain_overlay(),
		err) == -1)
		return -1;
	f->ways[i] = FREEZE_SWITCH;
	f->switches = true;
	return 0;
}

static void
tell_step(const struct freeze *f, enum freeze_step step)
{
	if (f->step != NULL)
		f->step(f->arg, step);
}

/* As the VMM is told them. */
static const char *const *
overlays_of(const struct freeze *f)
{
	return (const char *const *)f->overlays;
}

static void
swap_disks(struct freeze *f)
{
	struct storage_list other = f->other;

	f->other = f->at->vm.machine.disks;
	f->at->vm.machine.disks = other;
}

/* The list of the VM's disks as they will be after the switch. */
static int
list_switched(struct freeze *f, struct error *err)
{
	const struct storage_list *disks = &f->at->vm.machine.disks;
	size_t i;

	if (storage_list_copy(&f->other, disks, err) == -1)
		return -1;
	for (i = 0; i < disks->n; i++)
		if (f->ways[i] == FREEZE_SWITCH &&
		    overlay_push(&f->other.v[i], f->overlays[i], err) == -1)
			return -1;
	return 0;
}

/* The record names the overlays; the VMM still has what it had. */
static int
record_switched(struct freeze *f, struct error *err)
{
	int rc;

	swap_disks(f);
	rc = vm_at_write(f->at, true, &f->now, err);
	swap_disks(f);
	hook_step("overlays-recorded");
	return rc;
}

/*
 * Overlays first, which have other names while the VMM opens them, then the
 * record, then the switch: the other way round a crash would start the VM on
 * files that a snapshot holds.  It is not written again after the switch, for then
 * it is true.
 */
static int
prepare(struct freeze *f, struct error *err)
{
	const struct storage_list *disks = &f->at->vm.machine.disks;
	size_t i;

	if (!f->switches)
		return 0;
	for (i = 0; i < disks->n; i++)
		if (f->ways[i] == FREEZE_SWITCH &&
		    overlay_make(f->at->dirfd, disks->v[i].path, f->overlays[i],
			err) == -1)
			return -1;
	hook_step("overlays-made");
	/* A VM that ends in its pause is started on the overlays next time. */
	if (!f->stop) {
		if (vmm_add_overlays(f->vmm, overlays_of(f), err) == -1)
			return -1;
		f->added = true;
	}
	return list_switched(f, err) == -1 ||
		fd_sync_dir(f->at->dirfd, f->at->dir, err) == -1 ||
		record_switched(f, err) == -1
	    ? -1
	    : 0;
}

static int
switch_disks(struct freeze *f, struct error *err)
{
	if (!f->switches)
		return 0;
	if (!f->stop && vmm_switch_disks(f->vmm, overlays_of(f), err) == -1)
		return -1;
	swap_disks(f);
	f->switched = true;
	return 0;
}

static int
switch_and_capture(struct freeze *f, struct error *err)
{
	if (switch_disks(f, err) == -1)
		return -1;
	hook_step("switched");
	tell_step(f, FREEZE_SWITCHED);
	return f->capture(f->arg, err);
}

/*
 * The guest runs on.  A signal must not keep it paused, nor an answer that did
 * not come in time; what we cannot do is left to the watcher.
 */
static int
run_on(struct freeze *f, struct watcher *watcher, struct error *err)
{
	if (vmm_resume(f->vmm, err) == 0)
		return 0;
	sig_shield();
	if (vmm_resume(f->vmm, NULL) == -1)
		watcher_leave(watcher);
	return -1;
}

/*
 * From the pause to the guest's next instruction, whatever happens.  What the
 * watcher is left to do has its error in *err.
 */
static int
pause_and_capture(struct freeze *f, struct watcher *watcher, struct error *err)
{
	int rc = 0;

	if (!f->was_paused)
		rc = vmm_pause(f->vmm, err);
	hook_step("paused");
	tell_step(f, FREEZE_PAUSED);
	if (rc == 0)
		rc = switch_and_capture(f, err);
	/* Also when no answer to the pause came: it may have worked. */
	if (!f->was_paused && !f->ended &&
	    run_on(f, watcher, rc == 0 ? err : NULL) == -1)
		rc = -1;
	tell_step(f, FREEZE_RESUMED);
	hook_step("going-on");
	return rc;
}

/* The same of the guest's filesystems, where they are to stand still. */
static int
quiet_and_capture(struct freeze *f, struct error *err)
{
	const struct watched watched = { &f->at->vm, f->at->dirfd, false };
	struct watcher watcher = WATCHER_NONE;
	int rc;

	if (!f->was_paused &&
	    watcher_start(&watcher, f->at->root, &watched, 1, err) == -1)
		return -1;
	hook_step("watched");
	tell_step(f, FREEZE_WATCHED);
	rc = quiesce_begin(&f->quiesce, &f->at->vm, f->at->dirfd, f->was_paused,
	    &watcher, err);
	tell_step(f, FREEZE_QUIET);
	if (rc == 0)
		rc = pause_and_capture(f, &watcher, err);
	/* A guest that could not be resumed is the watcher's by now. */
	if (!f->ended && watcher.pid != 0 &&
	    quiesce_end(&f->quiesce, rc == 0 ? err : NULL) == -1)
		rc = -1;
	if (!f->ended && f->quiesce.is_asked)
		watcher_leave(&watcher);
	tell_step(f, FREEZE_THAWED);
	quiesce_fini(&f->quiesce);
	watcher_end(&watcher);
	hook_step("resumed");
	return rc;
}

/*
 * The VMM may have switched although no answer came: what it says counts.  When
 * it says nothing, the record stays; an overlay that nobody used does no harm.
 */
static void
undo(struct freeze *f)
{
	const struct storage_list *disks = &f->at->vm.machine.disks;
	struct sidecar now;
	size_t i;

	if (!f->switches || vmm_describe(f->vmm, &now, NULL) == -1)
		return;
	sidecar_fini(&now);
	if (f->added)
		vmm_drop_overlays(f->vmm, overlays_of(f));
	/* The record first: it must never name a file that is gone. */
	if (vm_at_write(f->at, true, &f->now, NULL) == -1)
		return;
	for (i = 0; i < disks->n; i++)
		if (f->ways[i] == FREEZE_SWITCH &&
		    strcmp(disks->v[i].path, f->overlays[i]) != 0)
			unlinkat(f->at->dirfd, f->overlays[i], 0);
}

int
freeze_guest(struct freeze *f, struct error *err)
{
	int rc = prepare(f, err);

	if (rc == 0) {
		tell_step(f, FREEZE_PREPARED);
		rc = quiet_and_capture(f, err);
	}
	if (rc == -1) {
		sig_shield();
		if (!f->switched || (f->stop && !f->ended))
			undo(f);
	}
	return rc;
}

const struct storage_list *
freeze_disks(const struct freeze *f)
{
	return f->switched ? &f->other : &f->at->vm.machine.disks;
}

void
freeze_fini(struct freeze *f)
{
	size_t i;

	for (i = 0; i < STORAGE_MAX; i++) {
		free(f->overlays[i]);
		f->overlays[i] = NULL;
	}
	storage_list_fini(&f->other);
}
