/* SPDX-License-Identifier: ISC */
#include "set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/sig.h"
#include "snapshot/envelope.h"
#include "state/snap.h"

struct change {
	const struct root *root;
	const struct label *label;
	char id[ID_LEN + 1];
	int fd; /* its directory, locked */
	struct envelope envelope;
	char was[ENVELOPE_NAME_MAX + 1]; /* the name it had, or "" */
	char old_id[ID_LEN + 1]; /* what had that before, or "" */
};

static int
open_it(struct change *c, int64_t deadline_ms, struct error *err)
{
	char leads_to[ID_LEN + 1];
	int found;

	if (root_lock(&c->fd, c->root, ROOT_SNAP, c->id, true, deadline_ms,
		err) == -1)
		return -1;
	if (envelope_read(&c->envelope, c->fd, err) == -1) {
		if (err->code == EX_NOINPUT)
			err->code = EX_DATAERR;
		return -1;
	}
	/* A name that was given to another one since is not its own. */
	if (c->envelope.config.name[0] == '\0')
		return 0;
	found = root_name_target(leads_to, c->root, ROOT_SNAP,
	    c->envelope.config.name, err);
	if (found == 1 && strcmp(leads_to, c->id) == 0)
		snprintf(c->was, sizeof(c->was), "%s", c->envelope.config.name);
	return found == -1 ? -1 : 0;
}

/* The envelope says what it has to; what it said is kept in *was. */
static int
write_envelope(struct change *c, struct envelope_config *was, struct error *err)
{
	struct envelope_config *config = &c->envelope.config;

	*was = *config;
	config->description = NULL;
	if (was->description != NULL && c->label->description == NULL) {
		config->description = strdup(was->description);
		if (config->description == NULL)
			return error_nomem(err, "description");
	}
	if (label_put(config, c->label, err) == -1)
		return -1;
	return envelope_write(c->fd, &c->envelope, err);
}

/* Puts back what the envelope said, and gives a new name up. */
static void
undo(struct change *c, const struct envelope_config *was, bool claimed)
{
	struct envelope_config now = c->envelope.config;

	c->envelope.config = *was;
	envelope_write(c->fd, &c->envelope, NULL);
	c->envelope.config = now;
	if (claimed)
		root_name_release(c->root, ROOT_SNAP, c->label->name, c->id,
		    NULL);
}

/*
 * A name that must be free is claimed before the envelope says it; one that
 * another has moves after that.  So it leads to one of the two whenever this is
 * killed, and what is left over is what the envelope does not say: state-gc's.
 */
static int
change(struct change *c, struct error *err)
{
	const struct label *label = c->label;
	bool renames = label->name != NULL && strcmp(label->name, c->was) != 0;
	bool names = renames && label->name[0] != '\0';
	bool over = names && label->replace != REPLACE_NOT;
	struct envelope_config was;
	int rc;

	if (names && !over &&
	    root_name_set(c->old_id, c->root, ROOT_SNAP, label->name, c->id,
		false, err) == -1)
		return -1;
	hook_step("set-named");
	rc = sig_check(err);
	if (rc == 0)
		rc = write_envelope(c, &was, err);
	else
		was = c->envelope.config;
	hook_step("set-written");
	if (rc == 0 && over)
		rc = root_name_set(c->old_id, c->root, ROOT_SNAP, label->name,
		    c->id, true, err);
	hook_step("set-moved");
	if (rc == -1)
		undo(c, &was, names && !over);
	if (was.description != c->envelope.config.description)
		free(was.description);
	if (rc == 0 && renames && c->was[0] != '\0')
		return root_name_release(c->root, ROOT_SNAP, c->was, c->id,
		    err);
	return rc;
}

static int
report_it(json_t **report, const struct change *c, struct error *err)
{
	struct snap *snap;
	int rc;

	if (snap_open(&snap, c->root, c->id, err) == -1)
		return -1;
	rc = snap_report(report, snap, c->root, err);
	snap_close(snap);
	return rc == -1 ? -1 : label_report(*report, c->old_id, err);
}

int
set_snapshot(json_t **report, const struct root *root, const char *ref,
    const struct label *label, int64_t deadline_ms, struct error *err)
{
	struct change c = { .root = root, .label = label, .fd = -1 };
	struct error why = { 0 };
	int rc;

	if (root_resolve(c.id, root, ROOT_SNAP, ref, err) == -1)
		return -1;
	envelope_init(&c.envelope);
	rc = open_it(&c, deadline_ms, err);
	if (rc == 0)
		rc = change(&c, err);
	fd_drop(&c.fd); /* and the lock: the report takes one */
	envelope_fini(&c.envelope);
	if (rc == -1)
		return error_wrap(err, "%s", ref);
	if (label_finish(root, c.old_id, label, &why) == -1)
		diag("warning: %s", why.msg);
	return report_it(report, &c, err);
}
