/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/merge.h"
#include "base/sig.h"
#include "state/refs.h"
#include "state/source.h"

#include "clone.h"
#include "options.h"

/* Opens it, signed as it must be; `waits`: it is looked at for a clone that waits. */
static int
open_snap(struct source *source, struct opts *o, const struct root *root,
    const char *ref, bool waits, struct error *err)
{
	const struct source_how how = { .ref = ref,
		.dir = o->from_dir,
		.archive = o->archive,
		.quiet = o->common.quiet,
		.keep_access = waits };

	/* Whether the name is free is told before all is read. */
	if (o->archive != NULL && o->how.name != NULL && o->how.count == 0 &&
	    root_name_check(root, ROOT_VM, o->how.name, err) == -1)
		return -1;
	return source_open_signed(source, &o->how.verify, root, &how,
	    &o->signers, err);
}

/* A snapshot that comes with its files goes into a new root, too. */
static int
open_root(struct root **root, char **ref, const struct opts *o, char *operand,
    struct error *err)
{
	if (operand == NULL)
		return root_open(root, o->common.root, err);
	/* Whoever names it in a pipe may be the one who makes the root. */
	if (refs_read_one(ref, operand, "snapshot", err) == -1)
		return -1;
	return root_open_existing(root, o->common.root, err);
}

/* What is learned of it goes where the next clone looks. */
static int
learn_of(const struct ready_list *pending, const struct opts *o,
    const struct root *root, const char *snap_id)
{
	struct error err = { 0 };

	if (!o->how.learn.wanted || pending->n == 0)
		return EX_OK;
	return learn(&pending->v[0], &o->how.learn, &o->how.ready, root,
		   snap_id, &err) == -1
	    ? diag_error(&err)
	    : EX_OK;
}

/* The id of the snapshot that was looked at, whatever its name leads to by now. */
static int
find_of_pool(char id[ID_LEN + 1], struct opts *o, const struct root *root,
    const char *ref, struct source *source, struct error *err)
{
	if (!signers_are_asked(&o->signers))
		return root_resolve(id, root, ROOT_SNAP, ref, err);
	if (open_snap(source, o, root, ref, true, err) == -1)
		return -1;
	snprintf(id, ID_LEN + 1, "%.*s", ID_LEN, snap_id(source->snap));
	source_close(source);
	return 0;
}

/* The exit status, of which what must be told has been. */
static int
make(struct opts *o, const struct root *root, const char *ref,
    struct source *source, char id[ID_LEN + 1], struct ready_list *pending)
{
	struct error err = { 0 };
	int code;

	if (o->how.from_pool) {
		if (find_of_pool(id, o, root, ref, source, &err) == -1)
			return diag_error(&err);
		code = clone_take(&o->how, root, id, pending);
		if (code != -1)
			return code;
	}
	if (open_snap(source, o, root, ref, false, &err) == -1)
		return diag_error(&err);
	snprintf(id, ID_LEN + 1, "%.*s", ID_LEN, snap_id(source->snap));
	return clone_all(&o->how, root, source->snap, pending);
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	const struct ready nobody = { .kind = READY_NONE };
	struct opts o = { .how = { .start_us = clock_us() },
		.foreground = FOREGROUND_NONE };
	struct source source = { 0 };
	struct ready_list pending = { 0 };
	struct root *root = NULL;
	char *ref = NULL, snap[ID_LEN + 1] = "";
	int code, late, worst;

	sig_setup();
	code = options_parse(&o, argc, argv);
	if (code != 0) {
		options_fini(&o);
		return opt_end(code);
	}
	pending.silent = o.foreground.console;
	if ((o.merge && merge_begin(&err) == -1) ||
	    foreground_begin(&o.foreground, o.common.root, &err) == -1 ||
	    refresh_how_read(&o.how.refresh, &err) == -1 ||
	    open_root(&root, &ref, &o, argv[optind], &err) == -1)
		code = diag_error(&err);
	else
		code = make(&o, root, ref, &source, snap, &pending);
	if (code == EX_OK && source_warning(&source)[0] != '\0')
		diag("%s: warning: %s", o.archive, source_warning(&source));
	source_close(&source);
	/* First of all they are thawed, which a clone's answer needs, too. */
	late = refresh_all(&pending, &o.how.refresh, root, code > 128);
	if (code == EX_OK && late <= 128)
		code = learn_of(&pending, &o, root, snap);
	worst = ready_list_report(&pending, late > 128 ? &nobody : &o.how.ready,
	    root, o.how.members);
	late = late == EX_OK || worst > 128 ? worst : late;
	ready_list_fini(&pending);
	root_close(root);
	free(ref);
	code = foreground_stay(&o.foreground,
	    code == EX_OK || late > 128 ? late : code);
	options_fini(&o);
	return code;
}
