/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "snapshot/envelope.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-import [-q] [-R root] [-n name] [-d text] "
	    "[--require-digests]\n"
	    "           [-p member,...] [file |\n"
	    "           --from-dir dir [--base image] [--storage-config file]\n"
	    "           [--trust-paths]]\n");
}

static int
check_opts(struct opts *o, char *operands[], int n)
{
	if (n > 1)
		return opt_wrong("%s: one archive is imported", operands[1]);
	if (o->how.name != NULL && !envelope_is_name(o->how.name))
		return opt_wrong("--name: %s: not a name: %s", o->how.name,
		    ENVELOPE_NAME_RULE);
	if (o->how.text != NULL &&
	    (strlen(o->how.text) > ENVELOPE_DESCRIPTION_MAX ||
		!path_is_utf8(o->how.text, strlen(o->how.text))))
		return opt_wrong("-d: text that is no UTF-8, or above 64 KiB");
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
	if (o->from_dir == NULL && o->file == NULL && isatty(STDIN_FILENO))
		return opt_wrong("no archive from a terminal: name a file");
	return 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	enum { DIGESTS = OPT_OWN, FROM_DIR, BASE, TRUST, CONFIGS };
	static const struct option longopts[] = { OPT_LONG,
		{ "name", required_argument, NULL, 'n' },
		{ "description", required_argument, NULL, 'd' },
		{ "from-dir", required_argument, NULL, FROM_DIR },
		{ "base", required_argument, NULL, BASE },
		{ "storage-config", required_argument, NULL, CONFIGS },
		{ "trust-paths", no_argument, NULL, TRUST },
		{ "require-digests", no_argument, NULL, DIGESTS },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, OPT_SHORT "n:d:p:", longopts,
		 NULL)) != -1) {
		if (ch == 'n')
			rc = opt_once(&o->how.name, optarg, "-n");
		else if (ch == 'd')
			rc = opt_once(&o->how.text, optarg, "-d");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg);
		else if (ch == FROM_DIR)
			rc = opt_once(&o->from_dir, optarg, "--from-dir");
		else if (ch == BASE)
			rc = opt_once(&o->how.base, optarg, "--base");
		else if (ch == CONFIGS)
			rc = opt_once(&o->how.configs, optarg,
			    "--storage-config");
		else if (ch == DIGESTS)
			o->how.need_digests = true;
		else if (ch == TRUST)
			o->how.trust_paths = true;
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind, argc - optind);
}
