/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "snapshot/envelope.h"
#include "state/members.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-import [-q] [-R root] [-n name [--replace[=rm]]] "
	    "[-d text]\n"
	    "           [--require-digests] [--layer file ...] [-p member,...]\n"
	    "           " SIGNERS_USAGE "\n"
	    "           [file |\n"
	    "           --from-dir dir [--base image] [--storage-config file]\n"
	    "           [--trust-paths]]\n"
	    "       snap-import [-R root] [-p member,...] --layer file\n");
}

/* Of a layer alone: an archive on standard input is named then. */
static int
check_alone(struct opts *o)
{
	o->layer_alone = true;
	if (o->layers.n > 1)
		return opt_wrong("--layer: one at a time, or - for an archive "
				 "on standard input");
	if (o->how.label.name != NULL || o->how.label.description != NULL ||
	    o->how.need_digests || o->how.signers.allowed != NULL)
		return opt_wrong("--layer alone takes in no snapshot: - for "
				 "an archive on standard input");
	return 0;
}

static int
check_opts(struct opts *o, char *operands[], int n)
{
	if (n > 1)
		return opt_wrong("%s: one archive is imported", operands[1]);
	if (label_check(&o->how.label, false) == -1 ||
	    signers_check_option(&o->how.signers) == -1)
		return -1;
	if (n == 1 && strcmp(operands[0], "-") != 0)
		o->file = operands[0];
	if (o->from_dir != NULL && n > 0)
		return opt_wrong(
		    "an archive and --from-dir exclude each other");
	if (o->how.base != NULL && o->from_dir == NULL)
		return opt_wrong("--base goes with --from-dir");
	if (o->how.configs != NULL && o->from_dir == NULL)
		return opt_wrong("--storage-config goes with --from-dir");
	if (o->how.trust_paths && o->from_dir == NULL)
		return opt_wrong("--trust-paths goes with --from-dir");
	if (o->layers.n > 0 && o->from_dir == NULL && n == 0)
		return check_alone(o);
	/* Nothing is put up with that was not signed. */
	if (signers_are_asked(&o->how.signers))
		o->how.need_digests = true;
	if (o->from_dir == NULL && o->file == NULL && isatty(STDIN_FILENO))
		return opt_wrong("no archive from a terminal: name a file");
	return 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { DIGESTS = OPT_OWN, FROM_DIR, BASE, TRUST, CONFIGS, LAYER };
	struct error err;
	static const struct option longopts[] = { OPT_LONG, LABEL_LONG,
		SIGNERS_LONG, { "from-dir", required_argument, NULL, FROM_DIR },
		{ "base", required_argument, NULL, BASE },
		{ "storage-config", required_argument, NULL, CONFIGS },
		{ "layer", required_argument, NULL, LAYER },
		{ "trust-paths", no_argument, NULL, TRUST },
		{ "require-digests", no_argument, NULL, DIGESTS },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT LABEL_SHORT "p:", longopts)) !=
		-1) {
		if (label_takes(ch))
			rc = label_option(&o->how.label, ch, optarg);
		else if (signers_takes(ch))
			rc = signers_option(&o->how.signers, ch, optarg);
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &label_members);
		else if (ch == FROM_DIR)
			rc = opt_once(&o->from_dir, optarg, "--from-dir");
		else if (ch == BASE)
			rc = opt_once(&o->how.base, optarg, "--base");
		else if (ch == CONFIGS)
			rc = opt_once(&o->how.configs, optarg,
			    "--storage-config");
		else if (ch == LAYER)
			rc = strv_add(&o->layers, &err, "%s", optarg) == -1
			    ? opt_wrong("--layer: %s", err.msg)
			    : 0;
		else if (ch == DIGESTS)
			o->how.need_digests = true;
		else if (ch == TRUST)
			o->how.trust_paths = true;
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind, argc - optind);
}
