/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <time.h>

#include "base/diag.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/root.h"
#include "vmm/status.h"
#include "vmm/vmm.h"

#include "build.h"
#include "config.h"

struct opts {
	struct opt_common common;
	struct wishes wishes;
	const char *members;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-create [-q] [-R root] [-n name] [-p member,...]\n"
	    "           [--hypervisor qemu] [--cpu n] [--memory size]\n"
	    "           [--kernel file [--initrd file] [--cmdline string]]\n"
	    "           [--firmware file] [--layer file]... [--base file]\n"
	    "           [--storage size] [--nic spec]... [--accel auto|kvm|tcg]\n"
	    "           [--memory-backing auto|file|memfd] [--config file]\n");
}

static int
take_list(struct strv *list)
{
	struct error err = { 0 };

	return strv_add(list, &err, "%s", optarg) == -1
	    ? opt_wrong("%s", err.msg)
	    : 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	struct wishes *w = &o->wishes;
	const struct {
		const char **slot;
		const char *name;
	} own[] = {
		{ &w->hypervisor, "hypervisor" },
		{ &w->cpu, "cpu" },
		{ &w->memory, "memory" },
		{ &w->kernel, "kernel" },
		{ &w->initrd, "initrd" },
		{ &w->cmdline, "cmdline" },
		{ &w->firmware, "firmware" },
		{ &w->base, "base" },
		{ &w->storage, "storage" },
		{ &w->accel, "accel" },
		{ &w->memory_backing, "memory-backing" },
		{ &w->config, "config" },
	};
	enum {
		OWN_N = sizeof(own) / sizeof(own[0]),
		LAYER = OPT_OWN + OWN_N,
		NIC
	};
	struct option longopts[OWN_N + 9] = { OPT_LONG,
		{ "name", required_argument, NULL, 'n' },
		{ "layer", required_argument, NULL, LAYER },
		{ "nic", required_argument, NULL, NIC } };
	int ch, i, rc = 0;

	for (i = 0; i < OWN_N; i++)
		longopts[7 + i] = (struct option){ own[i].name,
			required_argument, NULL, OPT_OWN + i };
	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, OPT_SHORT "n:p:", longopts, NULL)) !=
		-1) {
		if (ch >= OPT_OWN && ch < LAYER)
			rc = opt_once(own[ch - OPT_OWN].slot, optarg,
			    own[ch - OPT_OWN].name);
		else if (ch == LAYER)
			rc = take_list(&w->layers);
		else if (ch == NIC)
			rc = take_list(&w->nics);
		else if (ch == 'n')
			rc = opt_once(&w->name, optarg, "--name");
		else if (ch == 'p')
			rc = opt_once(&o->members, optarg, "-p");
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc == 0 && argv[optind] != NULL)
		rc = opt_wrong("%s: no operands are taken", argv[optind]);
	return rc;
}

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
	if (wishes_read_config(&o->wishes, err) == -1 ||
	    wishes_plan(&plan, &o->wishes, err) == -1 ||
	    vmm_check_program(plan.vm.hypervisor, err) == -1 ||
	    root_open(&root, o->common.root, err) == -1 ||
	    build_vm(&plan, root, &dir, &now, err) == -1)
		goto out;
	rc = status_print(&plan.vm, -1, dir, o->members, err);
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
	int code = EX_OK;

	sig_setup();
	switch (parse_opts(&o, argc, argv)) {
	case -1:
		code = EX_USAGE;
		break;
	case 1:
		break;
	default:
		if (run(&o, &err) == -1) {
			diag("%s", err.msg);
			code = err.code;
		}
	}
	wishes_fini(&o.wishes);
	return code;
}
