/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/opt.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "snapshot/envelope.h"
#include "state/refs.h"
#include "state/root.h"

#define WAIT_MS 2000 /* for those that only look at it, without --wait */

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-rm [-q] [-R dir] [--allow-empty] [--wait duration]\n"
	    "           (--all | snapshot ...)\n");
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the id of each reference that fits to *ids, and sorts them. */
static int
resolve_all(struct strv *ids, const struct root *root, const struct strv *refs,
    int *status, struct error *err)
{
	struct error why = { 0 };
	char id[ID_LEN + 1];
	size_t i;

	for (i = 0; i < refs->n; i++) {
		if (root_resolve(id, root, ROOT_SNAP, refs->v[i], &why) == -1)
			diag_failure(status, &why);
		else if (strv_add(ids, err, "%s", id) == -1)
			return -1;
	}
	if (ids->n > 0)
		qsort(ids->v, ids->n, sizeof(*ids->v), compare_ids);
	return 0;
}

static int
remove_one(const struct root *root, const char *id, int64_t deadline_ms,
    struct error *err)
{
	struct envelope e;
	const char *name = NULL;
	int fd, rc;

	if (root_lock(&fd, root, ROOT_SNAP, id, true, deadline_ms, err) == -1)
		return -1;
	envelope_init(&e);
	/* Without an envelope that can be read, its link alone tells the name. */
	if (envelope_read(&e, fd, NULL) == 0)
		name = e.config.name;
	rc = root_remove(root, ROOT_SNAP, id, name, err);
	envelope_fini(&e);
	fd_drop(&fd);
	return rc;
}

/* The exit status, or -1 and *err. */
static int
run(const struct opt_common *o, char *const *operands, size_t n,
    struct error *err)
{
	struct strv refs = { 0 }, ids = { 0 };
	struct root *root = NULL;
	struct error why = { 0 };
	int fd, status = EX_OK, rc = -1;
	size_t i;

	if (refs_take(&refs, o, ROOT_SNAP, operands, n, err) == -1)
		goto out;
	/* Whoever names them in a pipe may be the one who makes the root. */
	if (refs.n == 0) {
		rc = EX_OK;
		goto out;
	}
	if (root_open_existing(&root, o->root, err) == -1)
		goto out;
	fd = root_fd(root);
	if (sandbox_enter(&fd, 1, err) == -1 ||
	    resolve_all(&ids, root, &refs, &status, err) == -1)
		goto out;
	for (i = 0; i < ids.n; i++) {
		if (sig_check(err) == -1)
			goto out;
		/* Two references that meet in one snapshot. */
		if (i > 0 && strcmp(ids.v[i - 1], ids.v[i]) == 0)
			continue;
		/* Of all, one may have been removed since its id was read. */
		if (remove_one(root, ids.v[i], opt_deadline(o, WAIT_MS),
			&why) == -1 &&
		    !(o->all && why.code == EX_NOINPUT))
			diag_failure(&status, &why);
	}
	rc = status;
out:
	strv_fini(&ids);
	strv_fini(&refs);
	root_close(root);
	return rc;
}

int
main(int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG_LIST, OPT_ROW_ALL,
		OPT_ROW_WAIT, { NULL, 0, NULL, 0 } };
	struct opt_common o = { 0 };
	struct error err = { 0 };
	int ch, rc = 0;

	sig_setup();
	while (
	    rc == 0 && (ch = opt_next(argc, argv, OPT_SHORT, longopts)) != -1)
		rc = opt_common(&o, ch, usage);
	if (rc == 0)
		rc = opt_operands(&o, (size_t)(argc - optind), "snapshot");
	if (rc != 0)
		return opt_end(rc);
	rc = run(&o, argv + optind, (size_t)(argc - optind), &err);
	return rc == -1 ? diag_error(&err) : rc;
}
