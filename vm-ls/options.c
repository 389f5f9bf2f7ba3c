/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <stdio.h>
#include <string.h>

#include "vmm/status.h"
#include "vmm/vmm.h"

#include "usage.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-ls [-q] [-R root] [--allow-empty]\n"
	    "           [-t | --table | -p member,...] [--sort name|start]\n"
	    "           [--memory[=total]] [--state state,...]\n"
	    "           [--hypervisor name,...]\n"
	    "           [--from snapshot] [--older-than duration] [vm ...]\n");
}

static const char *
state_word(size_t i)
{
	return i <= STATUS_ERROR ? status_name((enum status)i) : NULL;
}

static int
take_memory(struct opts *o, const char *value)
{
	if (value != NULL && strcmp(value, "total") != 0)
		return opt_wrong("--memory: %s: not total", value);
	o->memory = true;
	o->total = o->total || value != NULL;
	return 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { SORT = OPT_OWN, MEMORY, STATE, HYPERVISOR, FROM, OLDER };
	struct filter *filter = &o->filter;
	static const struct option longopts[] = { OPT_LONG_LIST,
		{ "sort", required_argument, NULL, SORT },
		{ "table", no_argument, NULL, 't' },
		{ "memory", optional_argument, NULL, MEMORY },
		{ "state", required_argument, NULL, STATE },
		{ "hypervisor", required_argument, NULL, HYPERVISOR },
		{ "from", required_argument, NULL, FROM },
		{ "older-than", required_argument, NULL, OLDER },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "tp:", longopts)) != -1) {
		if (ch == 't')
			o->table = true;
		else if (ch == SORT)
			rc = opt_once(&o->sort, optarg, "--sort");
		else if (ch == MEMORY)
			rc = take_memory(o, optarg);
		else if (ch == STATE)
			rc = filter_words(filter, "--state", "state", optarg,
			    state_word);
		else if (ch == HYPERVISOR)
			rc = filter_words(filter, "--hypervisor", "hypervisor",
			    optarg, vmm_hypervisor);
		else if (ch == FROM)
			rc = filter_origin(filter, "--from", "cloned_from",
			    ROOT_SNAP, optarg);
		else if (ch == OLDER)
			rc = filter_age(filter, "--older-than", "created_at",
			    NULL, optarg);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &usage_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	if (rc != 0)
		return rc;
	o->refs = argv + optind;
	o->refs_n = (size_t)(argc - optind);
	if (o->table && o->members != NULL)
		return opt_wrong("-t and -p exclude each other");
	return 0;
}
