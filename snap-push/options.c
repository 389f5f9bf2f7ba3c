/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <string.h>
#include <unistd.h>

#include "registry/transport_option.h"

static const struct members push_members = {
	"ref digest parent bytes_moved bytes_shared blobs_moved depth", NULL
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-push [-q] [-R root] [--parent ref | --parent none] "
	    "[--dry-run]\n"
	    "           [-j jobs] [--plain-http | --cacert file] "
	    "[-p member,...] ref snap\n");
}

static int
take_ref(struct ref *ref, const char *text)
{
	struct error err;

	return ref_parse(ref, text, &err) == -1 ? opt_wrong("%s", err.msg) : 0;
}

static int
check_opts(struct opts *o, char *operands[], int n)
{
	if (n == 0)
		return opt_wrong("no reference: where is it to be pushed?");
	if (n == 1)
		return opt_wrong("no snapshot: what is to be pushed?");
	if (n > 2)
		return opt_wrong("%s: one snapshot is pushed", operands[2]);
	if (transport_check(&o->registry) == -1)
		return -1;
	o->target_text = operands[0];
	o->snap = &operands[1];
	if (take_ref(&o->target, operands[0]) == -1)
		return -1;
	if (o->target.has_digest)
		return opt_wrong("%s: what is pushed gets a tag; its digest "
				 "comes of it",
		    operands[0]);
	/* Not the only one there is, which has another tag. */
	if (o->target.tag[0] == '\0')
		memcpy(o->target.tag, REF_TAG_DEFAULT, sizeof(REF_TAG_DEFAULT));
	if (o->parent_text == NULL)
		return 0;
	o->has_no_parent = strcmp(o->parent_text, "none") == 0;
	o->has_parent = !o->has_no_parent;
	return o->has_parent ? take_ref(&o->parent, o->parent_text) : 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { PARENT = OPT_OWN, DRY_RUN };
	static const struct option longopts[] = { OPT_LONG, TRANSPORT_LONG,
		{ "parent", required_argument, NULL, PARENT },
		{ "dry-run", no_argument, NULL, DRY_RUN },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv,
		 OPT_SHORT TRANSPORT_SHORT "p:", longopts)) != -1) {
		if (ch == 'p')
			rc = opt_members(&o->members, optarg, &push_members);
		else if (ch == PARENT)
			rc = opt_once(&o->parent_text, optarg, "--parent");
		else if (ch == DRY_RUN)
			o->is_dry_run = true;
		else if (transport_takes(ch))
			rc = transport_option(&o->registry, ch, optarg);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind, argc - optind);
}

void
options_fini(struct opts *o)
{
	ref_fini(&o->target);
	ref_fini(&o->parent);
}
