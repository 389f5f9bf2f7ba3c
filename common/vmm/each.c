/* SPDX-License-Identifier: ISC */
#include "vmm/each.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/sig.h"
#include "state/refs.h"
#include "vmm/ready_list.h"

struct pass {
	const struct each *each;
	const struct root *root;
	struct ready_list pending;
};

/* For later, when the VM is locked no more. */
static int
keep_record(struct pass *pass, struct vm_at *at, int64_t start_us,
    struct error *err)
{
	json_t *record;

	if (status_report(&record, &at->vm, at->dirfd, at->dir, err) == -1)
		return -1;
	return ready_list_add(&pass->pending, record, at->vm.id, start_us, NULL,
	    err);
}

static int
do_one(void *arg, const char *ref, struct error *err)
{
	struct pass *pass = arg;
	const struct each *each = pass->each;
	int64_t start_us = clock_us();
	struct error why = { 0 };
	struct vm_at at;
	int rc;

	if (vm_at_open(&at, pass->root, ref, true,
		opt_deadline(&each->common, 0), &why) == -1) {
		if (why.code == EX_DATAERR && each->damaged != NULL) {
			rc = each->damaged(pass->root, ref, each->arg, &why);
			if (rc == 0)
				return 0;
		}
		/* Removed since its id was read. */
		if (each->common.all && why.code == EX_NOINPUT)
			return 0;
		*err = why;
		return -1;
	}
	if (each->common.all && each->running_only && !vm_is_alive(&at.vm)) {
		vm_at_close(&at);
		return 0;
	}
	rc = each->one(&at, each->arg, err);
	if (rc == 0 && each->ready.kind != READY_NONE)
		rc = keep_record(pass, &at, start_us, err);
	else if (rc == 0 && !each->silent)
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

/* The exit status. */
static int
do_all(struct pass *pass, const struct strv *refs)
{
	struct error err = { 0 };
	struct root *root;
	int code, worst;

	if (root_open_existing(&root, pass->each->common.root, &err) == -1)
		return diag_error(&err);
	pass->root = root;
	if (pass->each->before != NULL && refs->n > 1)
		do_before(pass, refs);
	code = refs_each(refs->v, refs->n, true, do_one, pass);
	worst = ready_list_report(&pass->pending, &pass->each->ready, root,
	    pass->each->members);
	ready_list_fini(&pass->pending);
	root_close(root);
	return code == EX_OK || worst >= 128 ? worst : code;
}

int
each_vm(const struct each *each, int rc, char *const *operands)
{
	struct pass pass = { .each = each, .pending.silent = each->silent };
	struct error err = { 0 };
	struct strv refs = { 0 };
	int code = EX_OK, worst;
	size_t n = 0;

	while (operands[n] != NULL)
		n++;
	if (rc == 0)
		rc = opt_operands(&each->common, n, "VM");
	if (rc != 0)
		return opt_end(rc);
	if (refs_take(&refs, &each->common, ROOT_VM, operands, n, &err) == -1)
		diag_failure(&code, &err);
	/* Whoever names them in a pipe may be the one who makes the root. */
	if (code < 128 && refs.n > 0) {
		worst = do_all(&pass, &refs);
		code = code == EX_OK || worst >= 128 ? worst : code;
	}
	strv_fini(&refs);
	return code;
}
