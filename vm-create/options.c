/* SPDX-License-Identifier: ISC */
#include "options.h"

#include "state/members.h"
#include "vmm/vmm.h"

static void
usage(FILE *to)
{
	char hypervisors[VMM_LIST_MAX];

	vmm_list_hypervisors(hypervisors, "|");
	fprintf(to,
	    "usage: vm-create [-q] [-R root] [-n name] [-d text] [-p member,...]\n"
	    "           [--hypervisor %s]\n"
	    "           [--cpu n] [--memory size]\n"
	    "           [--kernel file [--initrd file] [--cmdline string]]\n"
	    "           [--firmware file|ovmf|seabios [--firmware-vars file]]\n"
	    "           [--layer file]... [--base file]\n"
	    "           [--storage size] [--data-disk spec]... "
	    "[--storage-config file]\n"
	    "           [--user name] [--password string | --password-file "
	    "file]\n"
	    "           [--ssh-key file]... [--user-data file] [--no-cidata]\n"
	    "           [--nic spec]... [--accel auto|kvm|tcg]\n"
	    "           [--memory-backing auto|file|memfd] [--console-max size]\n"
	    "           [--agent] [--cgroup auto|none|path[,limit=n...]] "
	    "[--config file]\n",
	    hypervisors);
}

static int
take_once(const char **slot, const char *name)
{
	return *slot != NULL ? opt_wrong("--%s: given twice", name)
			     : opt_once(slot, optarg, name);
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	struct wishes *w = &o->wishes;
	const struct {
		const char **slot;
		const char *name;
	} once[] = {
		{ &w->hypervisor, "hypervisor" },
		{ &w->cpu, "cpu" },
		{ &w->memory, "memory" },
		{ &w->kernel, "kernel" },
		{ &w->initrd, "initrd" },
		{ &w->cmdline, "cmdline" },
		{ &w->firmware, "firmware" },
		{ &w->firmware_vars, "firmware-vars" },
		{ &w->base, "base" },
		{ &w->storage, "storage" },
		{ &w->accel, "accel" },
		{ &w->memory_backing, "memory-backing" },
		{ &w->console_max, "console-max" },
		{ &w->cgroup, "cgroup" },
		{ &w->storage_config, "storage-config" },
		{ &w->user, "user" },
		{ &w->password, "password" },
		{ &w->password_file, "password-file" },
		{ &w->user_data, "user-data" },
		{ &w->config, "config" },
	};
	const struct {
		struct strv *list;
		const char *name;
	} again[] = {
		{ &w->layers, "layer" },
		{ &w->nics, "nic" },
		{ &w->data_disks, "data-disk" },
		{ &w->ssh_keys, "ssh-key" },
	};
	enum {
		ONCE_N = sizeof(once) / sizeof(once[0]),
		AGAIN_N = sizeof(again) / sizeof(again[0]),
		FIRST_AGAIN = OPT_OWN + ONCE_N,
	};
	static const struct option common[] = { OPT_LONG,
		{ "name", required_argument, NULL, 'n' },
		{ "description", required_argument, NULL, 'd' },
		{ "no-cidata", no_argument, NULL, 'C' },
		{ "agent", no_argument, NULL, 'A' } };
	enum { COMMON_N = sizeof(common) / sizeof(common[0]) };
	struct option longopts[COMMON_N + ONCE_N + AGAIN_N + 1] = { 0 };
	int ch, i, rc = 0;

	for (i = 0; i < COMMON_N; i++)
		longopts[i] = common[i];
	for (i = 0; i < ONCE_N + AGAIN_N; i++)
		longopts[COMMON_N + i] = (struct option){ i < ONCE_N
			    ? once[i].name
			    : again[i - ONCE_N].name,
			required_argument, NULL, OPT_OWN + i };
	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "n:d:p:", longopts)) != -1) {
		if (ch >= FIRST_AGAIN)
			rc = opt_again(again[ch - FIRST_AGAIN].list, optarg);
		else if (ch >= OPT_OWN)
			rc = take_once(once[ch - OPT_OWN].slot,
			    once[ch - OPT_OWN].name);
		else if (ch == 'C')
			w->no_cidata = true;
		else if (ch == 'A')
			w->agent = true;
		else if (ch == 'n')
			rc = opt_once(&w->name, optarg, "--name");
		else if (ch == 'd')
			rc = opt_once(&w->description, optarg, "--description");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &vm_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc == 0 && argv[optind] != NULL)
		rc = opt_wrong("%s: no operands are taken", argv[optind]);
	return rc;
}
