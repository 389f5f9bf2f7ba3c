/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "state/artifacts.h"
#include "state/refs.h"
#include "state/source.h"

#include "options.h"
#include "push.h"

/* Everything that is open. */
struct job {
	struct root *root;
	struct source source;
	struct push push;
};

static int
open_all(struct job *j, const struct opts *o, const char *ref,
    struct error *err)
{
	const struct source_how how = { .ref = ref, .keep_access = true };
	struct transport_how registry = o->registry;

	if (root_open_to_read(&j->root, o->common.root, err) == -1 ||
	    source_open(&j->source, j->root, &how, err) == -1)
		return -1;
	j->push.target = &o->target;
	j->push.is_dry_run = o->is_dry_run;
	j->push.has_no_parent = o->has_no_parent;
	if (push_begin(&j->push, j->root, j->source.snap, err) == -1)
		return error_wrap(err, "%s", ref);
	if (o->has_parent) {
		j->push.parent_ref = &o->parent;
		registry.mode = TRANSPORT_READ;
		if (transport_open(&j->push.from, &o->parent, &registry, err) ==
		    -1)
			return -1;
	}
	registry.mode = o->is_dry_run ? TRANSPORT_LOOK : TRANSPORT_WRITE;
	if (transport_open(&j->push.to, &o->target, &registry, err) == -1)
		return -1;
	if (push_look_back(&j->push, j->root, err) == -1)
		return -1;
	return o->is_dry_run
	    ? 0
	    : root_access_touch(j->root, snap_id(j->source.snap), err);
}

/* From here on what a registry holds is read. */
static int
enclose(const struct job *j, struct error *err)
{
	int to = transport_dirfd(&j->push.to), read[2], write[2];
	struct sandbox s = { .dirfds = write };

	if (to != -1)
		write[s.n++] = to;
	if (j->push.notes_fd != -1)
		write[s.n++] = j->push.notes_fd;
	read[s.read_n++] = snap_fd(j->source.snap);
	if (j->push.parent_ref != NULL && transport_dirfd(&j->push.from) != -1)
		read[s.read_n++] = transport_dirfd(&j->push.from);
	s.read_dirfds = read;
	return sandbox_enter_as(&s, err);
}

static int
run(const struct opts *o, struct error *err)
{
	json_t *record = NULL;
	struct error why = { 0 };
	struct job j = { 0 };
	char *ref = NULL;
	int rc = -1;

	push_init(&j.push);

	/* Whoever names it in a pipe may be the one who makes the root. */
	if (refs_read_one(&ref, *o->snap, "snapshot", err) == -1 ||
	    open_all(&j, o, ref, err) == -1 || enclose(&j, err) == -1)
		goto out;
	if (j.push.layers.note[0] != '\0')
		diag("warning: %s", j.push.layers.note);
	if (j.push.note[0] != '\0')
		diag("warning: %s", j.push.note);
	progress_init(&j.push.progress, "pushed", push_bytes(&j.push),
	    o->common.quiet);
	if (push_run(&j.push, err) == -1) {
		error_wrap(err, "%s", o->target_text);
		goto out;
	}
	progress_fini(&j.push.progress);
	if (push_note(&j.push, &why) == -1)
		diag("warning: " ARTIFACTS_DIR ": %s", why.msg);
	if (push_report(&record, &j.push, o->target_text, err) == 0 &&
	    json_report(record, o->members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
out:
	push_fini(&j.push);
	source_close(&j.source);
	root_close(j.root);
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
		rc = opt_end(rc);
	else if (run(&o, &err) == -1)
		rc = diag_error(&err);
	options_fini(&o);
	return rc;
}
