/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/root.h"

#include "restore.h"

#define WAIT_MAX_S 86400

struct opts {
	struct opt_common common;
	struct restore_how how;
	const char *from_dir, *memory_mode, *wait, *vm, *snap;
	uint64_t wait_s;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-restore [-q] [-R root] [-p member,...] [--force]\n"
	    "           [--memory-mode mmap|copy] [--verify] [--wait seconds]\n"
	    "           vm (snap | --from-dir dir)\n");
}

static int
check_opts(struct opts *o, char *const *operands, int n)
{
	struct error err = { 0 };

	if (n == 0)
		return opt_wrong("no VM is named");
	if ((n > 1) == (o->from_dir != NULL))
		return opt_wrong(
		    "a snapshot or --from-dir is needed, one of them");
	if (n > 2)
		return opt_wrong("%s: one snapshot at a time", operands[2]);
	if (o->how.force && o->from_dir == NULL)
		return opt_wrong("--force needs --from-dir");
	if (o->memory_mode != NULL && strcmp(o->memory_mode, "copy") == 0)
		o->how.copy_memory = true;
	else if (o->memory_mode != NULL && strcmp(o->memory_mode, "mmap") != 0)
		return opt_wrong("--memory-mode: %s: not mmap or copy",
		    o->memory_mode);
	if (o->wait != NULL &&
	    num_u64(&o->wait_s, o->wait, 0, WAIT_MAX_S, &err) == -1)
		return opt_wrong("--wait: %s", err.msg);
	o->vm = operands[0];
	o->snap = operands[1];
	return 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { FORCE = OPT_OWN, VERIFY, FROM_DIR, MEMORY, WAIT };
	static const struct option longopts[] = { OPT_LONG,
		{ "force", no_argument, NULL, FORCE },
		{ "verify", no_argument, NULL, VERIFY },
		{ "from-dir", required_argument, NULL, FROM_DIR },
		{ "memory-mode", required_argument, NULL, MEMORY },
		{ "wait", required_argument, NULL, WAIT },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, OPT_SHORT "p:", longopts, NULL)) !=
		-1) {
		if (ch == 'p')
			rc = opt_members(&o->how.members, optarg);
		else if (ch == FORCE)
			o->how.force = true;
		else if (ch == VERIFY)
			o->how.verify = true;
		else if (ch == FROM_DIR)
			rc = opt_once(&o->from_dir, optarg, "--from-dir");
		else if (ch == MEMORY)
			rc = opt_once(&o->memory_mode, optarg, "--memory-mode");
		else if (ch == WAIT)
			rc = opt_once(&o->wait, optarg, "--wait");
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind, argc - optind);
}

static int
open_snap(struct snap **snap, const struct opts *o, const struct root *root,
    struct error *err)
{
	if (o->from_dir != NULL)
		return snap_open_dir(snap, o->from_dir, err);
	if (snap_open(snap, root, o->snap, err) == -1)
		return -1;
	return root_access_touch(root, snap_id(*snap), err);
}

static int
run(const struct opts *o, struct error *err)
{
	struct vm_at at = { .dirfd = -1 };
	struct root *root = NULL;
	struct snap *snap = NULL;
	int rc = -1;

	if (root_open(&root, o->common.root, err) == -1 ||
	    open_snap(&snap, o, root, err) == -1)
		goto out;
	rc = vm_at_open(&at, root, o->vm, true,
	    o->wait_s == 0 ? 0 : clock_ms() + (int64_t)o->wait_s * 1000, err);
	if (rc == 0) {
		rc = restore_vm(&at, snap, &o->how, err);
		if (rc == -1)
			error_wrap(err, "%s", o->vm);
	}
	vm_at_close(&at);
out:
	snap_close(snap);
	root_close(root);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };

	sig_setup();
	switch (parse_opts(&o, argc, argv)) {
	case -1:
		return EX_USAGE;
	case 1:
		return opt_done();
	}
	if (run(&o, &err) == -1) {
		diag("%s", err.msg);
		return err.code;
	}
	return EX_OK;
}
