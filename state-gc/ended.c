/* SPDX-License-Identifier: ISC */
/* VMs that nobody wants any more, but that nobody was left to remove. */
#include <stdio.h>

#include "base/fd.h"
#include "state/vm_at.h"
#include "vmm/cgroup.h"

#include "gc.h"

#define PATH_BYTES 64 /* vm/ and an id */

/* Whether it was to be removed at its end, which has come. */
static bool
is_over(const struct vm_at *at)
{
	return at->vm.auto_remove && !vm_is_alive(&at->vm);
}

static int
remove_one(struct gc *gc, const struct vm_at *at, struct error *err)
{
	struct gc_item item = { .kind = "directory",
		.reason = "ended",
		.id = at->vm.id,
		.name = at->vm.name[0] == '\0' ? NULL : at->vm.name };
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "vm/%s", at->vm.id);
	item.path = path;
	item.bytes = gc_tree_bytes(root_kind_fd(gc->root, ROOT_VM), at->vm.id);
	if (!gc->dry_run) {
		cgroup_remove(&at->vm);
		if (root_remove(gc->root, ROOT_VM, at->vm.id, at->vm.name,
			err) == -1)
			return -1;
	}
	return gc_report(gc, &item, err);
}

/* Its lock is asked for only where there is something to be done under it. */
static int
look_at(struct gc *gc, const char *id, struct error *err)
{
	struct vm_at at;
	bool over;
	int rc = 0;

	if (vm_at_open(&at, gc->root, id, false, 0, NULL) == -1)
		return 0;
	over = is_over(&at);
	vm_at_close(&at);
	if (!over || vm_at_open(&at, gc->root, id, true, 0, NULL) == -1)
		return 0;
	if (is_over(&at))
		rc = remove_one(gc, &at, err);
	vm_at_close(&at);
	return rc;
}

int
gc_ended(struct gc *gc, struct error *err)
{
	struct error why = { 0 };
	struct strv ids = { 0 };
	size_t i;
	int rc = 0;

	if (!fd_exists(root_fd(gc->root), "vm"))
		return 0;
	if (root_list(&ids, gc->root, ROOT_VM, err) == -1)
		rc = -1;
	for (i = 0; rc == 0 && i < ids.n; i++) {
		rc = gc_check(err);
		if (rc == 0 && look_at(gc, ids.v[i], &why) == -1)
			gc_fail(gc, &why);
	}
	strv_fini(&ids);
	return rc;
}
