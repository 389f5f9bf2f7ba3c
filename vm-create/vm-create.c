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
	plan.quiet = o->common.quiet;
	if (root_become_owner(o->common.root, err) == -1 ||
	    wishes_read_config(&o->wishes, err) == -1 ||
	    wishes_plan(&plan, &o->wishes, err) == -1 ||
	    vmm_check_program(plan.vm.machine.hypervisor, err) == -1 ||
	    root_open(&root, o->common.root, err) == -1)
		goto out;
	if (!plan.quiet)
		root_show_progress(root);
	if (build_vm(&plan, root, &dir, &now, err) == -1)
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
	int code;

	sig_setup();
	code = options_parse(&o, argc, argv);
	if (code != 0)
		code = opt_end(code);
	else if (run(&o, &err) == -1)
		code = diag_error(&err);
	wishes_fini(&o.wishes);
	return code;
}
