/* SPDX-License-Identifier: ISC */
/* A clone that was loaded ahead of time, and waits. */
#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/hook.h"
#include "base/rfc3339.h"
#include "base/sig.h"
#include "disk/fs.h"
#include "state/standby.h"
#include "vmm/vmm.h"

#include "report.h"

#define ROOM_BYTES                                                             \
	(UINT64_C(256) << 10) /* for a record, and what goes with it */

struct taken {
	struct root_new dir; /* hidden until it runs */
	struct vm vm;
	struct vmm *vmm;
};

/* Nothing of it is left. */
static void
drop(struct taken *t)
{
	vmm_detach(t->vmm);
	t->vmm = NULL;
	vmm_kill(&t->vm, 0, NULL);
	vm_fini(&t->vm);
	root_new_end(&t->dir);
}

/* It waits again, for who asks for what it can be. */
static void
give_back(struct taken *t, const char *snap_id)
{
	vmm_detach(t->vmm);
	t->vmm = NULL;
	if (standby_put(&t->dir, snap_id, NULL) == -1) {
		drop(t);
		return;
	}
	vm_fini(&t->vm);
	root_new_end(&t->dir);
}

/* Whether its VMM answers, for it may have died: nobody else has let it run. */
static bool
is_whole(struct taken *t)
{
	vm_init(&t->vm);
	return vm_read(&t->vm, t->dir.dirfd, NULL) == 0 &&
	    vm_is_alive(&t->vm) &&
	    vmm_attach(&t->vmm, &t->vm, t->dir.dirfd, VMM_CONTROL,
		clock_ms() + VMM_CALL_MS, NULL) == 0;
}

/* 1: none waits. */
static int
take(struct taken *t, const struct clone_how *how, const struct root *root,
    const char *snap_id, struct error *err)
{
	int rc;

	for (;;) {
		if (sig_check(err) == -1)
			return -1;
		rc = standby_take(&t->dir, root, snap_id,
		    how->name == NULL ? "" : how->name, err);
		if (rc != 0)
			return rc;
		hook_step("taken");
		if (is_whole(t))
			return 0;
		drop(t);
	}
}

/* What it was not told when it was made. */
static int
become(struct taken *t, const struct clone_how *how, const struct timespec *now,
    struct error *err)
{
	struct vm *vm = &t->vm;
	struct timespec since;

	if (ready_can_be(&how->ready, vm, err) == -1 ||
	    refresh_can_be(&how->refresh, vm, err) == -1)
		return -1;
	snprintf(vm->name, sizeof(vm->name), "%s", t->dir.name);
	vm->auto_remove = foreground_auto_removes(how->foreground);
	if (vm_set_description(vm, how->description, err) == -1)
		return -1;
	rfc3339_us(vm->created_at, now);
	/* Its clock has stood still, too, while it waited. */
	if (rfc3339_parse(&since, vm->started_at, NULL) == 0 &&
	    now->tv_sec > since.tv_sec)
		vm->identity.clock_behind_s += (uint64_t)(now->tv_sec -
		    since.tv_sec);
	rfc3339_us(vm->started_at, now);
	return 0;
}

/*
 * Its record is written when it runs, for a file that takes another's place may
 * take milliseconds: where it is known beforehand that there is no room it waits on.
 */
static int
check_room(const struct taken *t, struct error *err)
{
	uint64_t left;

	if (fs_free_bytes(&left, t->dir.dirfd, err) == -1)
		return -1;
	return left >= ROOM_BYTES
	    ? 0
	    : error_set(err, EX_IOERR, "no space: %" PRIu64 " bytes are free",
		  left);
}

/* 1: it stands still as before. */
static int
run(struct taken *t, struct clone_report *r, struct error *err)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (become(t, r->how, &now, err) == -1)
		return 1;
	if (check_room(t, err) == -1 || sig_check(err) == -1)
		return 1;
	if (!r->how->paused && vmm_resume(t->vmm, err) == -1)
		return -1;
	r->ms = (double)(clock_us() - r->how->start_us) / 1000;
	hook_step("running");
	if (vm_write(&t->vm, t->dir.dirfd, false, &now, err) == -1)
		return -1;
	foreground_tell(r->how->foreground, t->vm.id);
	return root_new_publish(&t->dir, false, err);
}

int
clone_take(const struct clone_how *how, const struct root *root,
    const char *snap_id, struct ready_list *pending)
{
	struct clone_report report = { .how = how,
		.root = root,
		.was_taken = true,
		.pending = pending };
	struct taken t = { 0 };
	struct error err = { 0 };
	int rc;

	rc = take(&t, how, root, snap_id, &err);
	if (rc != 0)
		return rc == 1 ? -1 : diag_error(&err);
	rc = run(&t, &report, &err);
	if (rc != 0) {
		if (sig_check(NULL) == -1)
			sig_shield();
		if (rc == 1)
			give_back(&t, snap_id);
		else
			drop(&t);
		return diag_error(&err);
	}
	hook_step("visible");
	rc = how->paused ? 0
			 : refresh_plan(&report.refresh, &how->refresh, t.vmm,
			       &t.vm, t.dir.dirfd, false, &err);
	/* It runs, and may have to be thawed, also when its name is not known. */
	if (clone_report(&t.vm, t.dir.dirfd, &report, rc == 0 ? &err : NULL) ==
	    -1)
		rc = -1;
	vmm_detach(t.vmm);
	vm_fini(&t.vm);
	root_new_end(&t.dir);
	return rc == -1 ? diag_error(&err) : EX_OK;
}
