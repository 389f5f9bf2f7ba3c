/* SPDX-License-Identifier: ISC */
#include "base/opt.h"
#include "base/sig.h"
#include "vmm/each.h"
#include "vmm/vmm.h"

#include "damaged.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-rm [-q] [-R root] [--allow-empty] [--force]\n"
	    "           [--wait duration] (--all | vm...)\n");
}

/* Removes the VM; one that runs only with *force. */
static int
remove_vm(struct vm_at *at, void *arg, struct error *err)
{
	const bool *force = arg;

	if (vm_is_alive(&at->vm) && !*force)
		return error_set(err, EX_NOPERM,
		    "running; stop it, or use --force");
	/* Of one that has ended there may be something left, too. */
	if (vmm_kill(&at->vm, 0, err) == -1)
		return -1;
	return root_remove(at->root, ROOT_VM, at->vm.id, at->vm.name, err);
}

/* The reason that `err` gives stays without *force. */
static int
remove_damaged(const struct root *root, const char *ref, void *arg,
    struct error *err)
{
	const struct error why = *err;
	const bool *force = arg;

	if (!*force)
		return error_set(err, EX_DATAERR, "%s: --force removes it",
		    why.msg);
	if (damaged_remove(root, ref, err) == -1)
		return error_wrap(err, "%s", ref);
	return 0;
}

int
main(int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG_LIST, OPT_ROW_ALL,
		OPT_ROW_WAIT, { "force", no_argument, NULL, OPT_OWN },
		{ NULL, 0, NULL, 0 } };
	bool force = false;
	struct each each = { .one = remove_vm,
		.damaged = remove_damaged,
		.arg = &force,
		.silent = true };
	int ch, rc = 0;

	sig_setup();
	while (
	    rc == 0 && (ch = opt_next(argc, argv, OPT_SHORT, longopts)) != -1) {
		if (ch == OPT_OWN)
			force = true;
		else
			rc = opt_common(&each.common, ch, usage);
	}
	return each_vm(&each, rc, argv + optind);
}
