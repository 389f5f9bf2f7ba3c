/* SPDX-License-Identifier: ISC */
/* Tools that do one thing to each of the VMs they are given. */
#ifndef VMM_EACH_H
#define VMM_EACH_H

#include "base/error.h"
#include "base/opt.h"
#include "state/vm_at.h"
#include "vmm/ready.h"
#include "vmm/status.h"

struct each {
	struct opt_common common;
	const char *members; /* -p, or NULL */
	/* Done to each VM, under its lock; it writes the record itself. */
	int (*one)(struct vm_at *at, void *arg, struct error *err);
	/*
	 * Done to all of them, where there are several, before the first `one`;
	 * or NULL.  What it cannot do is left to `one`.
	 */
	void (*before)(struct vm_at *at, void *arg);
	/* Done in place of `one` where the record is damaged; or NULL. */
	int (*damaged)(const struct root *root, const char *ref, void *arg,
	    struct error *err);
	void *arg;
	bool silent; /* the record is not printed */
	/* Not READY_NONE: records are printed when their guests are ready. */
	struct ready ready;
	bool running_only; /* with --all those that do not run are left alone */
	/* What every VM is after `one`, or NULL: the VMM is asked again. */
	const enum status *status;
};

/*
 * The tool from where its options are read, which ended with `rc` as
 * opt_common() has it: does it to every operand ("-": references on stdin), or
 * with --all to every VM of the root, and prints the records.  Failures are told by diag(); returns the exit status, the
 * code of the first one or EX_OK.
 */
int each_vm(const struct each *each, int rc, char *const *operands);

#endif
