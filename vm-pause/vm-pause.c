/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/members.h"
#include "vmm/each.h"
#include "vmm/vmm.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-pause [-q] [-R root] [--allow-empty] [-p member,...]\n"
	    "           [--wait duration] (--all | vm...)\n");
}

static int
pause_vm(struct vm_at *at, void *arg, struct error *err)
{
	struct vmm *vmm;
	int rc;

	(void)arg;
	if (!vm_is_alive(&at->vm))
		return error_set(err, EX_NOPERM, "not running");
	if (vmm_attach(&vmm, &at->vm, at->dirfd, VMM_CONTROL,
		clock_ms() + VMM_CALL_MS, err) == -1)
		return -1;
	rc = vmm_pause(vmm, err);
	vmm_detach(vmm);
	return rc;
}

int
main(int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG_LIST, OPT_ROW_ALL,
		OPT_ROW_WAIT, { NULL, 0, NULL, 0 } };
	struct each each = { .one = pause_vm, .running_only = true };
	int ch, rc = 0;

	sig_setup();
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "p:", longopts)) != -1)
		rc = ch == 'p' ? opt_members(&each.members, optarg, &vm_members)
			       : opt_common(&each.common, ch, usage);
	return each_vm(&each, rc, argv + optind);
}
