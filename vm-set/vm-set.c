/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/sig.h"
#include "state/refs.h"
#include "vmm/status.h"

#include "apply.h"
#include "options.h"

/* What is on a disk does not grow by itself. */
static void
tell_growth(const struct change *c, const char *ref)
{
	size_t i;

	for (i = 0; i < c->grow_n; i++)
		diag("%s: %s is larger: what is on it the guest must grow "
		     "(growpart, resize2fs)",
		    ref, c->at->vm.machine.disks.v[c->grow[i].disk].path);
}

static int
set(const struct opts *o, const struct root *root, const char *ref,
    struct error *err)
{
	struct change c = { .wishes = &o->wishes };
	struct timespec now;
	struct vm_at at;
	int rc = -1;

	clock_gettime(CLOCK_REALTIME, &now);
	if (vm_at_open(&at, root, ref, true, opt_deadline(&o->common, 0),
		err) == -1)
		return -1;
	c.at = &at;
	if (change_plan(&c, &now, err) == -1 ||
	    apply_change(&c, &now, err) == -1)
		error_wrap(err, "%s", ref);
	else
		rc = status_print(&at.vm, at.dirfd, at.dir, NULL, o->members,
		    err);
	if (rc == 0 && !o->wishes.grow_fs && !o->common.quiet)
		tell_growth(&c, ref);
	change_fini(&c);
	vm_at_close(&at);
	return rc;
}

static int
run(const struct opts *o, struct error *err)
{
	struct root *root = NULL;
	char *ref = NULL;
	int rc = -1;

	if (refs_read_one(&ref, o->operands[0], "VM", err) == 0 &&
	    root_open_existing(&root, o->common.root, err) == 0)
		rc = set(o, root, ref, err);
	root_close(root);
	free(ref);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		rc = opt_end(rc);
	else if (run(&o, &err) == -1)
		rc = diag_error(&err);
	wishes_fini(&o.wishes);
	return rc;
}
