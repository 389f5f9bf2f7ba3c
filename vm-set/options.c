/* SPDX-License-Identifier: ISC */
#include "options.h"

#include "state/label.h"
#include "state/members.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-set [-q] [-R root] [-n name] [-d text] [-p member,...]\n"
	    "           [--cpu n] [--memory size] [--kernel file] [--initrd file]\n"
	    "           [--cmdline string] [--firmware file [--firmware-vars file]]\n"
	    "           [--nic spec... | --no-nics]\n"
	    "           [--storage size] [--grow-disk name=size]... "
	    "[--grow-fs]\n"
	    "           [--data-disk spec]... [--remove-disk name]...\n"
	    "           [--console-max size] [--wait duration] vm\n");
}

static int
check_opts(struct opts *o, char *const *operands)
{
	const struct wishes *w = &o->wishes;
	struct error err = { 0 };

	if (operands[0] == NULL)
		return opt_wrong("no VM is named");
	if (operands[1] != NULL)
		return opt_wrong("%s: one VM at a time", operands[1]);
	if (w->no_nics && w->nics.n > 0)
		return opt_wrong("--nic and --no-nics exclude each other");
	if (w->grow_fs && w->storage == NULL && w->grow.n == 0)
		return opt_wrong(
		    "--grow-fs goes with --storage or --grow-disk");
	if (w->name == NULL && w->description == NULL &&
	    w->console_max == NULL && !wishes_machine(w))
		return opt_wrong("nothing to change is named");
	if (w->name != NULL && w->name[0] != '\0' && !envelope_is_name(w->name))
		return opt_wrong("--name: %s: not a name: %s", w->name,
		    ENVELOPE_NAME_RULE);
	if (w->description != NULL &&
	    label_check_description(w->description, &err) == -1)
		return opt_wrong("%s", err.msg);
	o->operands = operands;
	return 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	struct wishes *w = &o->wishes;
	const struct {
		const char **slot;
		const char *name;
	} once[] = {
		{ &w->cpu, "--cpu" },
		{ &w->memory, "--memory" },
		{ &w->storage, "--storage" },
		{ &w->boot[MACHINE_KERNEL], "--kernel" },
		{ &w->boot[MACHINE_INITRD], "--initrd" },
		{ &w->boot[MACHINE_FIRMWARE], "--firmware" },
		{ &w->boot[MACHINE_VARS], "--firmware-vars" },
		{ &w->cmdline, "--cmdline" },
		{ &w->console_max, "--console-max" },
	};
	struct strv *const again[] = { &w->nics, &w->data_disks, &w->grow,
		&w->remove };
	enum {
		ONCE_N = sizeof(once) / sizeof(once[0]),
		NIC = OPT_OWN + ONCE_N,
		DATA,
		GROW,
		REMOVE,
		NO_NICS,
		GROW_FS
	};
	static const struct option longopts[] = { OPT_LONG, OPT_ROW_WAIT,
		{ "name", required_argument, NULL, 'n' },
		{ "description", required_argument, NULL, 'd' },
		{ "cpu", required_argument, NULL, OPT_OWN },
		{ "memory", required_argument, NULL, OPT_OWN + 1 },
		{ "storage", required_argument, NULL, OPT_OWN + 2 },
		{ "kernel", required_argument, NULL, OPT_OWN + 3 },
		{ "initrd", required_argument, NULL, OPT_OWN + 4 },
		{ "firmware", required_argument, NULL, OPT_OWN + 5 },
		{ "firmware-vars", required_argument, NULL, OPT_OWN + 6 },
		{ "cmdline", required_argument, NULL, OPT_OWN + 7 },
		{ "console-max", required_argument, NULL, OPT_OWN + 8 },
		{ "nic", required_argument, NULL, NIC },
		{ "data-disk", required_argument, NULL, DATA },
		{ "grow-disk", required_argument, NULL, GROW },
		{ "remove-disk", required_argument, NULL, REMOVE },
		{ "no-nics", no_argument, NULL, NO_NICS },
		{ "grow-fs", no_argument, NULL, GROW_FS },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "n:d:p:", longopts)) != -1) {
		if (ch == NO_NICS)
			w->no_nics = true;
		else if (ch == GROW_FS)
			w->grow_fs = true;
		else if (ch >= NIC)
			rc = opt_again(again[ch - NIC], optarg);
		else if (ch >= OPT_OWN)
			rc = opt_once(once[ch - OPT_OWN].slot, optarg,
			    once[ch - OPT_OWN].name);
		else if (ch == 'n')
			rc = opt_once(&w->name, optarg, "--name");
		else if (ch == 'd')
			rc = opt_once(&w->description, optarg, "--description");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &vm_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}
