/* SPDX-License-Identifier: ISC */
#include "state/source.h"

#include <stddef.h>
#include <stdlib.h>

#include "state/refs.h"

static int
open_ref(struct source *s, const struct root *root, const char *ref,
    const struct source_how *how, struct error *err)
{
	if (snap_open(&s->snap, root, ref, err) == -1)
		return -1;
	return how->keep_access
	    ? 0
	    : root_access_touch(root, snap_id(s->snap), err);
}

static int
open_stored(struct source *s, const struct root *root,
    const struct source_how *how, struct error *err)
{
	char *ref;
	int rc;

	if (!how->may_read)
		return open_ref(s, root, how->ref[0], how, err);
	if (refs_read_one(&ref, how->ref[0], "snapshot", err) == -1)
		return -1;
	rc = open_ref(s, root, ref, how, err);
	free(ref);
	return rc;
}

static int
open_archive(struct source *s, const struct root *root,
    const struct source_how *how, struct error *err)
{
	if (stage_open(&s->stage, root, how->archive, how->quiet, err) == -1)
		return -1;
	s->snap = s->stage.snap;
	return 0;
}

int
source_open(struct source *out, const struct root *root,
    const struct source_how *how, struct error *err)
{
	struct source s = { 0 };
	int rc;

	if (how->dir != NULL)
		rc = snap_open_dir(&s.snap, how->dir, err);
	else if (how->archive != NULL)
		rc = open_archive(&s, root, how, err);
	else
		rc = open_stored(&s, root, how, err);
	if (rc == -1) {
		source_close(&s);
		return -1;
	}
	*out = s;
	return 0;
}

const char *
source_warning(const struct source *source)
{
	return source->stage.warning;
}

void
source_close(struct source *source)
{
	if (source->stage.snap == NULL)
		snap_close(source->snap);
	source->snap = NULL;
	stage_close(&source->stage);
}
