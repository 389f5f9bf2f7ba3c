/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/refs.h"

#include "clone.h"

struct opts {
	struct opt_common common;
	struct clone_how how;
	const char *from_dir, *count, *memory_mode, *disk_mode;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-clone [-q] [-R root] [-n name] [-p member,...]\n"
	    "           [--count n] [--nic spec]... [--same-mac]\n"
	    "           [--memory-mode mmap|copy] "
	    "[--disk-mode auto|reflink|overlay|copy]\n"
	    "           [--no-start | --paused] [--verify] "
	    "(snap | --from-dir dir)\n");
}

static int
check_opts(struct opts *o, char *const *operands)
{
	static const char *const disk_modes[] = { "auto", "reflink", "overlay",
		"copy" };
	struct error err = { 0 };
	uint64_t count = 0;
	int i;

	if ((operands[0] != NULL) == (o->from_dir != NULL))
		return opt_wrong(
		    "a snapshot or --from-dir is needed, one of them");
	if (operands[0] != NULL && operands[1] != NULL)
		return opt_wrong("%s: one snapshot at a time", operands[1]);
	if (o->how.no_start && o->how.paused)
		return opt_wrong("--no-start and --paused exclude each other");
	if (o->count != NULL &&
	    num_u64(&count, o->count, 1, CLONE_COUNT_MAX, &err) == -1)
		return opt_wrong("--count: %s", err.msg);
	o->how.count = (size_t)count;
	if (o->memory_mode != NULL && strcmp(o->memory_mode, "copy") == 0)
		o->how.copy_memory = true;
	else if (o->memory_mode != NULL && strcmp(o->memory_mode, "mmap") != 0)
		return opt_wrong("--memory-mode: %s: not mmap or copy",
		    o->memory_mode);
	for (i = 0; o->disk_mode != NULL && i < 4; i++)
		if (strcmp(o->disk_mode, disk_modes[i]) == 0) {
			o->how.disks = (enum load_disks)i;
			return 0;
		}
	return o->disk_mode == NULL
	    ? 0
	    : opt_wrong("--disk-mode: %s: not auto, reflink, overlay or copy",
		  o->disk_mode);
}

static int
take_nic(struct opts *o)
{
	struct error err = { 0 };

	return strv_add(&o->how.nics, &err, "%s", optarg) == -1
	    ? opt_wrong("%s", err.msg)
	    : 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum {
		COUNT = OPT_OWN,
		NIC,
		SAME_MAC,
		MEMORY,
		DISK,
		NO_START,
		PAUSED,
		VERIFY,
		FROM_DIR
	};
	static const struct option longopts[] = { OPT_LONG,
		{ "name", required_argument, NULL, 'n' },
		{ "count", required_argument, NULL, COUNT },
		{ "nic", required_argument, NULL, NIC },
		{ "same-mac", no_argument, NULL, SAME_MAC },
		{ "memory-mode", required_argument, NULL, MEMORY },
		{ "disk-mode", required_argument, NULL, DISK },
		{ "no-start", no_argument, NULL, NO_START },
		{ "paused", no_argument, NULL, PAUSED },
		{ "verify", no_argument, NULL, VERIFY },
		{ "from-dir", required_argument, NULL, FROM_DIR },
		{ NULL, 0, NULL, 0 } };
	bool *flags[] = { &o->how.same_mac, NULL, NULL, &o->how.no_start,
		&o->how.paused, &o->how.verify };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, OPT_SHORT "n:p:", longopts, NULL)) !=
		-1) {
		if (ch == 'n')
			rc = opt_once(&o->how.name, optarg, "--name");
		else if (ch == 'p')
			rc = opt_once(&o->how.members, optarg, "-p");
		else if (ch == COUNT)
			rc = opt_once(&o->count, optarg, "--count");
		else if (ch == NIC)
			rc = take_nic(o);
		else if (ch == MEMORY)
			rc = opt_once(&o->memory_mode, optarg, "--memory-mode");
		else if (ch == DISK)
			rc = opt_once(&o->disk_mode, optarg, "--disk-mode");
		else if (ch == FROM_DIR)
			rc = opt_once(&o->from_dir, optarg, "--from-dir");
		else if (ch >= SAME_MAC && ch <= VERIFY)
			*flags[ch - SAME_MAC] = true;
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}

static int
open_snap(struct snap **snap, const struct opts *o, const struct root *root,
    char *const *operands, struct error *err)
{
	struct strv refs = { 0 };
	int rc = -1;

	if (o->from_dir != NULL)
		return snap_open_dir(snap, o->from_dir, err);
	if (refs_read(&refs, operands, 1, err) == -1)
		return -1;
	if (refs.n != 1)
		error_set(err, EX_USAGE, "one snapshot at a time");
	else if (snap_open(snap, root, refs.v[0], err) == 0)
		rc = root_access_touch(root, snap_id(*snap), err);
	strv_fini(&refs);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { .how = { .start_us = clock_us() } };
	struct root *root = NULL;
	struct snap *snap = NULL;
	int code;

	sig_setup();
	code = parse_opts(&o, argc, argv);
	if (code != 0) {
		strv_fini(&o.how.nics);
		return code == 1 ? EX_OK : EX_USAGE;
	}
	if (root_open(&root, o.common.root, &err) == -1 ||
	    open_snap(&snap, &o, root, argv + optind, &err) == -1) {
		diag("%s", err.msg);
		code = err.code;
	} else
		code = clone_all(&o.how, root, snap);
	snap_close(snap);
	root_close(root);
	strv_fini(&o.how.nics);
	return code;
}
