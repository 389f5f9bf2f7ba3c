/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <time.h>

#include "base/diag.h"
#include "base/sig.h"
#include "state/root.h"
#include "vmm/status.h"
#include "vmm/vmm.h"

#include "build.h"
#include "options.h"

static int
run(struct opts *o, struct error *err)
{
	struct root *root = NULL;
	struct timespec now;
	struct plan plan;
	char *dir = NULL;
	int rc = -1;

	clock_gettime(CLOCK_REALTIME, &now);
	plan_init(&plan);
	if (wishes_read_config(&o->wishes, err) == -1 ||
	    wishes_plan(&plan, &o->wishes, err) == -1 ||
	    vmm_check_program(plan.vm.hypervisor, err) == -1 ||
	    root_open(&root, o->common.root, err) == -1 ||
	    build_vm(&plan, root, &dir, &now, err) == -1)
		goto out;
	rc = status_print(&plan.vm, -1, dir, NULL, o->members, err);
out:
	free(dir);
	root_close(root);
	plan_fini(&plan);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int code = EX_OK;

	sig_setup();
	switch (options_parse(&o, argc, argv)) {
	case -1:
		code = EX_USAGE;
		break;
	case 1:
		code = opt_done();
		break;
	default:
		if (run(&o, &err) == -1) {
			diag("%s", err.msg);
			code = err.code;
		}
	}
	wishes_fini(&o.wishes);
	return code;
}
