/* SPDX-License-Identifier: ISC */
#include "vmm/each.h"

#include "base/diag.h"
#include "base/sig.h"
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
	struct error why = { 0 };
	struct vm_at at;
	int rc;

	if (vm_at_open(&at, pass->root, ref, true, 0, &why) == -1) {
		if (why.code == EX_DATAERR && each->damaged != NULL) {
			rc = each->damaged(pass->root, ref, each->arg, &why);
			if (rc == 0)
				return 0;
		}
		*err = why;
		return -1;
	}
	rc = each->one(&at, each->arg, err);
	if (rc == 0 && !each->silent)
		rc = status_print(&at.vm, at.dirfd, at.dir, each->status,
		    each->members, err);
	vm_at_close(&at);
	return rc == -1 ? error_wrap(err, "%s", ref) : 0;
}

static void
do_before(const struct pass *pass, const struct strv *refs)
{
	struct vm_at at;
	size_t i;

	for (i = 0; i < refs->n && sig_check(NULL) == 0; i++) {
		if (vm_at_open(&at, pass->root, refs->v[i], true, 0, NULL) ==
		    -1)
			continue;
		pass->each->before(&at, pass->each->arg);
		vm_at_close(&at);
	}
}

int
each_vm(const struct each *each, int rc, char *const *operands)
{
	struct pass pass = { .each = each };
	struct error err = { 0 };
	struct strv refs = { 0 };
	struct root *root;
	int code = EX_OK, worst;
	size_t n = 0;

	while (operands[n] != NULL)
		n++;
	if (rc == 0 && n == 0)
		rc = opt_wrong("no VM is named");
	if (rc != 0)
		return opt_end(rc);
	if (root_open(&root, each->common.root, &err) == -1)
		return diag_error(&err);
	pass.root = root;
	if (refs_read(&refs, operands, n, each->common.allow_empty, &err) == -1)
		diag_failure(&code, &err);
	if (code < 128 && each->before != NULL && refs.n > 1)
		do_before(&pass, &refs);
	if (code < 128) {
		worst = refs_each(refs.v, refs.n, true, do_one, &pass);
		code = code == EX_OK || worst >= 128 ? worst : code;
	}
	strv_fini(&refs);
	root_close(root);
	return code;
}
