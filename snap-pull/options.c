/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <unistd.h>

#include "registry/transport_option.h"
#include "state/members.h"

static const struct members pull_members = {
	"ref digest bytes_fetched bytes_resumed bytes_local", &label_members
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-pull [-q] [-R root] [-n name [--replace[=rm]]] "
	    "[-d text]\n"
	    "           [-j jobs] [--plain-http | --cacert file] "
	    "[-p member,...]\n"
	    "           " SIGNERS_USAGE " ref\n");
}

static int
check_opts(struct opts *o, char *operands[], int n)
{
	struct error err;

	if (n == 0)
		return opt_wrong("no reference: what is to be pulled?");
	if (n > 1)
		return opt_wrong("%s: one snapshot is pulled", operands[1]);
	if (label_check(&o->how.label, false) == -1 ||
	    transport_check(&o->registry) == -1 ||
	    signers_check_option(&o->how.signers) == -1)
		return -1;
	o->text = operands[0];
	return ref_parse(&o->ref, o->text, &err) == -1
	    ? opt_wrong("%s", err.msg)
	    : 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG, LABEL_LONG,
		TRANSPORT_LONG, SIGNERS_LONG, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv,
		 OPT_SHORT LABEL_SHORT TRANSPORT_SHORT "p:", longopts)) != -1) {
		if (label_takes(ch))
			rc = label_option(&o->how.label, ch, optarg);
		else if (signers_takes(ch))
			rc = signers_option(&o->how.signers, ch, optarg);
		else if (transport_takes(ch))
			rc = transport_option(&o->registry, ch, optarg);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &pull_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind, argc - optind);
}

void
options_fini(struct opts *o)
{
	ref_fini(&o->ref);
}
