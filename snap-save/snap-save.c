/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/sig.h"
#include "state/refs.h"
#include "state/root.h"
#include "state/vm_at.h"

#include "save.h"

struct opts {
	struct opt_common common;
	const char *name, *description, *members;
	char *const *operands;
	bool stop;
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-save [-q] [-R root] [-n name] [-d text] "
	    "[-p member,...]\n"
	    "           [--stop] vm\n");
}

static int
check_opts(struct opts *o, char *const *operands)
{
	if (operands[0] == NULL)
		return opt_wrong("no VM is named");
	if (operands[1] != NULL)
		return opt_wrong("%s: one VM at a time", operands[1]);
	if (o->name != NULL && !envelope_is_name(o->name))
		return opt_wrong("--name: %s: not a name: %s", o->name,
		    ENVELOPE_NAME_RULE);
	if (o->description != NULL &&
	    (strlen(o->description) > ENVELOPE_DESCRIPTION_MAX ||
		!path_is_utf8(o->description, strlen(o->description))))
		return opt_wrong("--description: not UTF-8, or above 64 KiB");
	o->operands = operands;
	return 0;
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG,
		{ "name", required_argument, NULL, 'n' },
		{ "description", required_argument, NULL, 'd' },
		{ "stop", no_argument, NULL, OPT_OWN }, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = getopt_long(argc, argv, OPT_SHORT "n:d:p:", longopts,
		 NULL)) != -1) {
		if (ch == 'n')
			rc = opt_once(&o->name, optarg, "--name");
		else if (ch == 'd')
			rc = opt_once(&o->description, optarg, "--description");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg);
		else if (ch == OPT_OWN)
			o->stop = true;
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv + optind);
}

static int
save_ref(const struct opts *o, const struct root *root, const char *ref,
    struct error *err)
{
	json_t *report;
	struct vm_at at;
	int rc;

	if (vm_at_open(&at, root, ref, true, 0, err) == -1)
		return -1;
	rc = save_vm(&report, &at, o->name == NULL ? "" : o->name,
	    o->description, o->stop, o->common.quiet, err);
	vm_at_close(&at);
	if (rc == -1)
		return error_wrap(err, "%s", ref);
	rc = json_report(report, o->members, err);
	json_decref(report);
	return rc;
}

static int
run(const struct opts *o, struct error *err)
{
	struct strv refs = { 0 };
	struct root *root = NULL;
	int rc = -1;

	if (refs_read(&refs, o->operands, 1, err) == -1 ||
	    root_open(&root, o->common.root, err) == -1)
		goto out;
	if (refs.n != 1)
		error_set(err, EX_USAGE, "%s",
		    refs.n == 0 ? "no VM is named" : "one VM at a time");
	else
		rc = save_ref(o, root, refs.v[0], err);
out:
	root_close(root);
	strv_fini(&refs);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };

	sig_setup();
	switch (parse_opts(&o, argc, argv)) {
	case -1:
		return EX_USAGE;
	case 1:
		return opt_done();
	}
	if (run(&o, &err) == -1) {
		diag("%s", err.msg);
		return err.code;
	}
	return EX_OK;
}
