/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "base/clock.h"
#include "base/hook.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/members.h"
#include "vmm/each.h"
#include "vmm/quiesce.h"
#include "vmm/vmm.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-resume [-q] [-R root] [--allow-empty] "
	    "[-p member,...]\n"
	    "           [--link-up] [--wait duration] (--all | vm...)\n");
}

/* From here on nobody knows whether it stands still, whatever becomes of us. */
static int
note_thaw(struct vm_at *at, struct error *err)
{
	struct timespec now;

	if (at->vm.thaw != VM_THAW_DUE)
		return 0;
	at->vm.thaw = VM_THAW_UNSURE;
	clock_gettime(CLOCK_REALTIME, &now);
	return vm_at_write(at, false, &now, err);
}

/* The guest runs on; with *link_up its cables are plugged in first. */
static int
resume_vm(struct vm_at *at, void *arg, struct error *err)
{
	const bool *link_up = arg;
	enum vmm_state state;
	struct timespec now;
	struct vmm *vmm;
	size_t i;
	int rc = -1;

	if (!vm_is_alive(&at->vm))
		return error_set(err, EX_NOPERM, "not running");
	if (vmm_attach(&vmm, &at->vm, at->dirfd, VMM_CONTROL,
		clock_ms() + VMM_CALL_MS, err) == -1)
		return -1;
	if (vmm_query(vmm, &state, err) == -1)
		goto out;
	if (state == VMM_UNREADY) {
		error_set(err, EX_NOPERM,
		    "its start was not finished: vm-start does it anew");
		goto out;
	}
	if ((*link_up && vmm_set_links(vmm, true, err) == -1) ||
	    note_thaw(at, err) == -1 || vmm_resume(vmm, err) == -1)
		goto out;
	hook_step("resumed");
	rc = 0;
	if (*link_up) {
		for (i = 0; i < at->vm.machine.nics.n; i++)
			at->vm.machine.nics.v[i].link_down = false;
		clock_gettime(CLOCK_REALTIME, &now);
		rc = vm_at_write(at, false, &now, err);
	}
	if (rc == 0)
		rc = quiesce_thaw_at(at, err);
out:
	vmm_detach(vmm);
	return rc;
}

int
main(int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG_LIST, OPT_ROW_ALL,
		OPT_ROW_WAIT, { "link-up", no_argument, NULL, OPT_OWN },
		{ NULL, 0, NULL, 0 } };
	static const enum status running = STATUS_RUNNING;
	bool link_up = false;
	struct each each = { .one = resume_vm,
		.arg = &link_up,
		.running_only = true,
		.status = &running }; /* as it has just answered */
	int ch, rc = 0;

	sig_setup();
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1) {
		if (ch == 'p')
			rc = opt_members(&each.members, optarg, &vm_members);
		else if (ch == OPT_OWN)
			link_up = true;
		else
			rc = opt_common(&each.common, ch, usage);
	}
	return each_vm(&each, rc, argv + optind);
}
