/* SPDX-License-Identifier: ISC */
#include <stdbool.h>

#include "base/diag.h"
#include "base/sandbox.h"
#include "base/sig.h"

#include "options.h"
#include "pull.h"

/* The registry first, as whoever owns the root. */
static int
open_all(struct pull *j, const struct opts *o, struct error *err)
{
	int root, from;
	struct sandbox s = { .dirfds = &root, .n = 1, .read_dirfds = &from };

	if (root_become_owner(o->common.root, err) == -1 ||
	    signers_begin(&j->in.signers, &o->how.signers, err) == -1 ||
	    transport_open(&j->from, &o->ref, &o->registry, err) == -1 ||
	    intake_begin(&j->in, o->common.root, &o->how, err) == -1)
		return -1;
	root = root_fd(j->in.root);
	from = transport_dirfd(&j->from);
	s.read_n = from == -1 ? 0 : 1;
	return sandbox_enter_as(&s, err);
}

static int
run(const struct opts *o, bool *is_kept, struct error *err)
{
	struct pull j = { 0 };
	int rc;

	rc = open_all(&j, o, err);
	if (rc == 0) {
		rc = pull_run(&j, o, err);
		if (rc == -1)
			error_wrap(err, "%s", o->text);
	}
	*is_kept = rc == -1 && pull_is_kept(&j);
	if (rc == 0)
		rc = pull_report(&j, o, err);
	pull_fini(&j);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	bool is_kept = false;
	int rc;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		rc = opt_end(rc);
	else if (run(&o, &is_kept, &err) == -1)
		rc = diag_error(&err);
	if (is_kept && rc != EX_DATAERR)
		diag("%s: what came of it is kept for the next pull", o.text);
	options_fini(&o);
	return rc;
}
