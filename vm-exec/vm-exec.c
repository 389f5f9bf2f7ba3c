/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/sig.h"
#include "state/refs.h"

#include "crowd.h"
#include "input.h"
#include "options.h"
#include "run.h"
#include "words.h"

/* Whether standard input names VMs. */
static bool
reads_refs(const struct opts *o)
{
	size_t i;

	for (i = 0; i < o->vms_n; i++)
		if (strcmp(o->vms[i], "-") == 0)
			return true;
	return false;
}

static int
find_vms(struct strv *refs, const struct opts *o, struct error *err)
{
	char *ref;
	int rc;

	if (o->all_of)
		return refs_read(refs, o->vms, o->vms_n, o->common.allow_empty,
		    err);
	if (refs_read_one(&ref, o->vms[0], "VM", err) == -1)
		return -1;
	rc = strv_add(refs, err, "%s", ref);
	free(ref);
	return rc;
}

/* The exit status. */
static int
execute(struct run *run, const struct strv *refs)
{
	struct error err = { 0 };
	struct root *root;
	int status;

	if (root_open_to_read(&root, run->opts->common.root, &err) == -1)
		return diag_error(&err);
	run->root = root;
	if (root_check_owner(root, &err) == -1)
		status = diag_error(&err);
	else if (run->opts->all_of)
		status = crowd_run(run, refs);
	else if (run_one(run, refs->v[0], &status, &err) == -1)
		status = diag_error(&err);
	root_close(root);
	return status;
}

static int
run(const struct opts *o)
{
	struct run run = { .opts = o, .deadline_ms = INT64_MAX };
	struct error err = { 0 };
	struct strv words = { 0 }, refs = { 0 };
	struct input input = { 0 };
	int status = EX_OK, worst;

	if (o->timeout.given)
		run.deadline_ms = clock_ms() + (int64_t)o->timeout.ms;
	if (words_make(&words, o, &err) == -1 ||
	    input_read(&input, o->input, reads_refs(o), &err) == -1)
		status = diag_error(&err);
	else {
		run.command = (struct agent_command){ .argv = words.v,
			.input = input.bytes,
			.input_len = input.len,
			.is_captured = !o->detach };
		if (find_vms(&refs, o, &err) == -1)
			diag_failure(&status, &err);
		if (refs.n > 0 && status < 128) {
			worst = execute(&run, &refs);
			status = status == EX_OK ? worst : status;
		}
	}
	input_fini(&input);
	strv_fini(&refs);
	strv_fini(&words);
	return status;
}

int
main(int argc, char *argv[])
{
	struct opts o = { 0 };
	int code;

	sig_setup();
	code = options_parse(&o, argc, argv);
	code = code != 0 ? opt_end(code) : run(&o);
	options_fini(&o);
	return code;
}
