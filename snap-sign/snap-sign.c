/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/sig.h"
#include "state/refs.h"

#include "options.h"
#include "sign.h"

static int
act(const struct opts *o, const struct sign_place *place, struct error *err)
{
	json_t *report = NULL;
	int rc;

	if (o->list)
		return sign_list(place, o->members, err);
	rc = o->remove != NULL ? sign_remove(&report, place, o->remove, err)
			       : sign_add(&report, place, o->key, err);
	if (rc == 0)
		rc = json_report(report, o->members, err);
	json_decref(report);
	return rc;
}

static int
run(const struct opts *o, struct error *err)
{
	struct sign_place place = { .dir = o->from_dir,
		.deadline_ms = opt_deadline(&o->common, OPTIONS_READERS_MS) };
	struct root *root = NULL;
	char *ref = NULL;
	int rc = 0;

	if (o->operand != NULL) {
		rc = refs_read_one(&ref, o->operand, "snapshot", err);
		if (rc == 0)
			rc = o->list
			    ? root_open_to_read(&root, o->common.root, err)
			    : root_open_existing(&root, o->common.root, err);
		place.root = root;
		place.ref = ref;
	}
	if (rc == 0)
		rc = act(o, &place, err);
	if (rc == 0)
		rc = json_report_end(err);
	root_close(root);
	free(ref);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = options_parse(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	return run(&o, &err) == -1 ? diag_error(&err) : EX_OK;
}
