/* SPDX-License-Identifier: ISC */
#include "state/source.h"

#include <stddef.h>

static int
open_stored(struct source *s, const struct root *root,
    const struct source_how *how, struct error *err)
{
	if (snap_open(&s->snap, root, how->ref, err) == -1)
		return -1;
	return how->keep_access
	    ? 0
	    : root_access_touch(root, snap_id(s->snap), err);
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
