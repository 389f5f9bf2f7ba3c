/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <stdio.h>

#include "state/members.h"
#include "vmm/vmm.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-ls [-q] [-R dir] [--allow-empty] [-t | --table]\n"
	    "           [--exclusive] [--layers] [--sort name|created]\n"
	    "           [--hypervisor name,...] [--from vm]\n"
	    "           [--older-than duration] [--unused-for duration]\n"
	    "           [-p member,...] [snapshot ...]\n");
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum {
		EXCLUSIVE = OPT_OWN,
		LAYERS,
		SORT,
		HYPERVISOR,
		FROM,
		OLDER,
		UNUSED
	};
	static const struct option longopts[] = { OPT_LONG_LIST,
		{ "sort", required_argument, NULL, SORT },
		{ "table", no_argument, NULL, 't' },
		{ "exclusive", no_argument, NULL, EXCLUSIVE },
		{ "layers", no_argument, NULL, LAYERS },
		{ "hypervisor", required_argument, NULL, HYPERVISOR },
		{ "from", required_argument, NULL, FROM },
		{ "older-than", required_argument, NULL, OLDER },
		{ "unused-for", required_argument, NULL, UNUSED },
		{ NULL, 0, NULL, 0 } };
	struct filter *filter = &o->filter;
	const char *letters = OPT_SHORT "tp:";
	int ch, rc = 0;

	while (
	    rc == 0 && (ch = opt_next(argc, argv, letters, longopts)) != -1) {
		if (ch == 't')
			o->table = true;
		else if (ch == EXCLUSIVE)
			o->exclusive = true;
		else if (ch == LAYERS)
			o->layers = true;
		else if (ch == SORT)
			rc = opt_once(&o->sort, optarg, "--sort");
		else if (ch == HYPERVISOR)
			rc = filter_words(filter, "--hypervisor", "hypervisor",
			    optarg, vmm_hypervisor);
		else if (ch == FROM)
			rc = filter_origin(filter, "--from", "vm_id", ROOT_VM,
			    optarg);
		else if (ch == OLDER)
			rc = filter_age(filter, "--older-than", "created_at",
			    NULL, optarg);
		else if (ch == UNUSED)
			rc = filter_age(filter, "--unused-for",
			    "last_accessed_at", "created_at", optarg);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &snap_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	o->refs = argv + optind;
	o->refs_n = (size_t)(argc - optind);
	if (rc == 0 && o->table && o->members != NULL)
		return opt_wrong("-t and -p exclude each other");
	return rc;
}
