/* SPDX-License-Identifier: ISC */
#include "base/diag.h"
#include "base/sig.h"
#include "state/root.h"
#include "state/vm_at.h"

#include "options.h"
#include "take.h"

static int
copy(const struct opts *o, struct vm_at *at, struct error *err)
{
	struct agent *agent;
	int rc;

	if (!vm_is_alive(&at->vm))
		return error_set(err, EX_NOPERM, "%s: not running", o->vm);
	if (agent_open(&agent, &at->vm, at->dirfd, err) == -1)
		return error_wrap(err, "%s", o->vm);
	rc = o->to_guest ? take_in(o, agent, err) : take_out(o, agent, err);
	agent_close(agent);
	return rc;
}

static int
run(const struct opts *o, struct error *err)
{
	struct vm_at at = { .dirfd = -1 };
	struct root *root = NULL;
	int rc = -1;

	if (root_open_to_read(&root, o->common.root, err) == 0 &&
	    root_check_owner(root, err) == 0 &&
	    vm_at_open(&at, root, o->vm, false, 0, err) == 0)
		rc = copy(o, &at, err);
	vm_at_close(&at);
	root_close(root);
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
	options_fini(&o);
	return code;
}
