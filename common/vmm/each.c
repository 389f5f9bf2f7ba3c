/* SPDX-License-Identifier: ISC */
#include "vmm/each.h"

#include "base/diag.h"
#include "state/refs.h"

struct pass {
	const struct each *each;
	const struct root *root;
};

static int
do_one(void *arg, const char *ref, struct error *err)
{
	const struct pass *pass = arg;
	const struct each *each = pass->each;
	struct vm_at at;
	int rc;

	if (vm_at_open(&at, pass->root, ref, true, 0, err) == -1)
		return -1;
	rc = each->one(&at, each->arg, err);
	if (rc == 0 && !each->silent)
		rc = status_print(&at.vm, at.dirfd, at.dir, each->status,
		    each->members, err);
	vm_at_close(&at);
	return rc == -1 ? error_wrap(err, "%s", ref) : 0;
}

int
each_vm(const struct each *each, char *const *operands, size_t n)
{
	struct pass pass = { .each = each };
	struct error err = { 0 };
	struct root *root;
	int code;

	if (root_open(&root, each->root, &err) == -1) {
		diag("%s", err.msg);
		return err.code;
	}
	pass.root = root;
	code = refs_each(operands, n, do_one, &pass);
	root_close(root);
	return code;
}
