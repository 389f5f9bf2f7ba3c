/* SPDX-License-Identifier: ISC */
#include "verify.h"

#include <string.h>

#include "base/diag.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/sig.h"
#include "disk/digest.h"
#include "snapshot/manifest.h"
#include "snapshot/signature.h"
#include "snapshot/trailer.h"
#include "snapshot/working_set.h"
#include "state/layerfile.h"
#include "vmm/preflight.h"

/* One call of verify_snap(). */
struct job {
	struct verify *v;
	const struct snap *snap;
	const char *label;
	struct progress progress;
	uint64_t done_bytes;
	size_t faults;
};

void
verify_fini(struct verify *v)
{
	strv_fini(&v->layers);
	strv_fini(&v->bad_layers);
}

/* Tells a fault, which names its file. */
static void
fault(struct job *j, const char *what)
{
	struct error line = { 0 };

	error_set(&line, EX_DATAERR, "%s: %s", j->label, what);
	progress_fini(&j->progress);
	diag_error(&line);
	j->faults++;
}

/* A fault is told; whatever else `why` is, ends it. */
static int
tell_fault(struct job *j, const struct error *why, struct error *err)
{
	if (why->code == EX_DATAERR) {
		fault(j, why->msg);
		return 0;
	}
	if (err != NULL)
		*err = *why;
	return error_wrap(err, "%s", j->label);
}

static void
count(struct job *j, uint64_t bytes)
{
	j->done_bytes += bytes;
	progress_update(&j->progress, j->done_bytes);
}

static int
verify_file(struct job *j, const struct envelope_file *file, struct error *err)
{
	struct error why = { 0 };
	uint64_t size;
	int fd, rc = 0;

	if (manifest_open(&fd, &size, snap_fd(j->snap), file->name, &why) == -1)
		return tell_fault(j, &why, err);
	if (file->has_digest) {
		rc = manifest_read(NULL, file, fd, size, &why);
		count(j, size);
	}
	fd_drop(&fd);
	return rc == -1 ? tell_fault(j, &why, err) : 0;
}

/* Of an archive that somebody unpacked. */
static int
verify_trailer(struct job *j, struct error *err)
{
	struct error why = { 0 };

	if (trailer_check_dir(snap_fd(j->snap), snap_envelope(j->snap), &why) ==
	    0)
		return 0;
	return tell_fault(j, &why, err);
}

/* What is as it was saved, and could not be cloned all the same. */
static int
verify_form(struct job *j, struct error *err)
{
	struct preflight p = { .dirfd = snap_fd(j->snap),
		.envelope = snap_envelope(j->snap) };
	struct error why = { 0 };
	int rc = preflight_whole(&p, &why);

	sidecar_fini(&p.sidecar);
	return rc == -1 ? tell_fault(j, &why, err) : 0;
}

static void
extra(struct job *j, const char *name)
{
	struct error what;

	error_set(&what, EX_DATAERR, "%s: extra: not among its files", name);
	fault(j, what.msg);
}

/* What is there and not in the manifest, if there is one. */
static int
find_extra(struct job *j, struct error *err)
{
	const struct envelope *e = snap_envelope(j->snap);
	struct strv names = { 0 };
	const char *name;
	size_t i;

	/* Before there were manifests some wrote an empty one. */
	if (e->files_n == 0)
		return 0;
	if (dir_list(&names, snap_fd(j->snap), j->label, err) == -1)
		return -1;
	for (i = 0; i < names.n; i++) {
		name = names.v[i];
		if (strcmp(name, ENVELOPE_NAME) != 0 &&
		    strcmp(name, SIGNATURE_NAME) != 0 &&
		    (e->trailer || strcmp(name, WORKING_SET_NAME) != 0) &&
		    (!e->trailer || strcmp(name, ENVELOPE_TRAILER) != 0) &&
		    envelope_find_file(e, name) == NULL)
			extra(j, name);
	}
	strv_fini(&names);
	return 0;
}

/* Nothing depends on it: one that is wrong is no fault. */
static void
look_at_set(struct job *j)
{
	struct working_set w = { 0 };
	struct error why = { 0 };

	if (working_set_read(&w, snap_fd(j->snap),
		snap_envelope(j->snap)->machine.memory_bytes, &why) == -1 &&
	    why.code != EX_NOINPUT) {
		progress_fini(&j->progress);
		diag("%s: warning: %s", j->label, why.msg);
	}
	working_set_fini(&w);
}

/* Reads a layer that the root has; one that differs is remembered. */
static int
read_layer(struct job *j, const struct layer *layer, const char *digest,
    struct error *err)
{
	struct error why = { 0 };
	uint64_t size;
	int fd, rc;

	if (root_layer_open(&fd, &size, j->v->root, &layer->digest, &why) ==
	    -1) {
		if (why.code == EX_NOINPUT)
			return 0;
		if (err != NULL)
			*err = why;
		return -1;
	}
	rc = manifest_read_layer(layer, fd, size, &why);
	count(j, size);
	fd_drop(&fd);
	if (rc == -1 && why.code != EX_DATAERR) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	return strv_add(&j->v->layers, err, "%s", digest) == -1 ||
		(rc == -1 &&
		    strv_add(&j->v->bad_layers, err, "%s", digest) == -1)
	    ? -1
	    : 0;
}

/* Whether a layer that is in the root is what its digest says. */
static int
verify_layer(struct job *j, const struct layer *layer, struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	struct error what;

	digest_text(text, &layer->digest);
	if (!strv_has(&j->v->layers, text) &&
	    read_layer(j, layer, text, err) == -1)
		return error_wrap(err, "%s", j->label);
	if (!strv_has(&j->v->bad_layers, text))
		return 0;
	error_set(&what, EX_DATAERR, "layer %s: " MANIFEST_DIFFERS,
	    layer->name);
	fault(j, what.msg);
	return 0;
}

static uint64_t
total_bytes(const struct envelope *e, bool layers)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < e->files_n; i++)
		if (e->files[i].has_digest)
			sum += e->files[i].size_bytes;
	for (i = 0; layers && i < e->machine.layers.n; i++)
		sum += e->machine.layers.v[i].size_bytes;
	return sum;
}

static int
find_faults(size_t *faults, struct verify *v, const struct snap *snap,
    const char *label, struct error *err)
{
	const struct envelope *e = snap_envelope(snap);
	struct job j = { .v = v, .snap = snap, .label = label };
	size_t i;
	int rc = -1;

	progress_init(&j.progress, label, total_bytes(e, v->root != NULL),
	    v->quiet);
	for (i = 0; i < e->files_n; i++)
		if (sig_check(err) == -1 ||
		    verify_file(&j, &e->files[i], err) == -1)
			goto out;
	if (find_extra(&j, err) == -1 ||
	    (e->trailer && verify_trailer(&j, err) == -1))
		goto out;
	look_at_set(&j);
	if (j.faults == 0 && verify_form(&j, err) == -1)
		goto out;
	for (i = 0; v->root != NULL && i < e->machine.layers.n; i++)
		if (sig_check(err) == -1 ||
		    verify_layer(&j, &e->machine.layers.v[i], err) == -1)
			goto out;
	*faults = j.faults;
	rc = 0;
out:
	progress_fini(&j.progress);
	return rc;
}

/*
 * Tells the layers that neither the root nor its directory has: false when one
 * of them is a failure.
 */
static bool
is_complete(const struct verify *v, const struct snap *snap, const char *label)
{
	const struct layer_list *list = &snap_envelope(snap)->machine.layers;
	struct error why = { 0 };
	bool complete = true;
	size_t i;
	int fd;

	/* Of a directory alone nobody has said which root it is for. */
	if (v->root == NULL && !v->complete)
		return true;
	for (i = 0; i < list->n; i++)
		if (layerfile_open(&fd, v->root, snap_fd(snap), &list->v[i],
			&why) == 0)
			fd_drop(&fd);
		else {
			diag("%s: %s%s", label,
			    v->complete ? "" : "warning: ", why.msg);
			complete = !v->complete;
		}
	return complete;
}

int
verify_snap(struct verify *v, const struct snap *snap, const char *label,
    struct error *err)
{
	size_t faults;

	if (signers_check_dir(v->signers, snap_fd(snap), snap_envelope(snap),
		err) == -1)
		return error_wrap(err, "%s", label);
	if (find_faults(&faults, v, snap, label, err) == -1)
		return -1;
	if (faults > 0)
		return error_set(err, EX_DATAERR, "%s", "");
	if (!is_complete(v, snap, label))
		return error_set(err, EX_CONFIG, "%s", "");
	return 0;
}
