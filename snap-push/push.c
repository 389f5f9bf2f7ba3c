/* SPDX-License-Identifier: ISC */
#include "push.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/num.h"
#include "snapshot/manifest.h"
#include "snapshot/signature.h"
#include "snapshot/signed_part.h"
#include "state/artifacts.h"
#include "state/lineage.h"

#include "parent.h"

/* A snapshot of others may have no list of files: what is there, then. */
static int
complete_files(struct push *p, struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int rc = 0;

	if (p->envelope.has_files)
		return 0;
	if (snap_files(&names, p->snap, err) == -1)
		return -1;
	for (i = 0; i < names.n && rc == 0; i++)
		if (strcmp(names.v[i], ENVELOPE_TRAILER) != 0 &&
		    !signed_part_leaves_out(names.v[i]) &&
		    envelope_add_file(&p->envelope, names.v[i], err) == NULL)
			rc = -1;
	p->envelope.has_files = true;
	strv_fini(&names);
	return rc;
}

/* One that is shorter than recorded is told before a byte goes out. */
static int
check_file(struct push *p, struct envelope_file *file, struct error *err)
{
	uint64_t size;

	if (layer_files_fd(&p->layers, file->name) != -1)
		return 0;
	if (manifest_size(&size, snap_fd(p->snap), file->name, err) == -1 ||
	    manifest_check_size(file, size, err) == -1)
		return -1;
	file->size_bytes = size;
	return 0;
}

/* The manifest has them: whoever gets that knows whether it wants the rest. */
static int
take_signatures(struct push *p, struct error *err)
{
	const struct envelope_file *file;
	struct signature_list list;
	struct error why = { 0 };
	char *text;
	size_t len;

	file = envelope_find_file(&p->envelope, SIGNATURE_NAME);
	if (file != NULL)
		envelope_drop_file(&p->envelope,
		    (size_t)(file - p->envelope.files));
	if (fd_slurp(&text, &len, snap_fd(p->snap), SIGNATURE_NAME,
		SIGNATURE_BYTES_MAX, &why) == 0) {
		if (signature_list_decode(&list, text, len, &why) == 0) {
			signature_list_fini(&list);
			p->signatures = text;
			return 0;
		}
		error_wrap(&why, SIGNATURE_NAME);
		free(text);
	}
	if (why.code == EX_OSERR)
		return error_set(err, why.code, "%s", why.msg);
	if (why.code != EX_NOINPUT)
		snprintf(p->note, sizeof(p->note), "left out: %s", why.msg);
	return 0;
}

int
push_begin(struct push *p, const struct root *root, const struct snap *snap,
    struct error *err)
{
	size_t i;

	p->snap = snap;
	envelope_init(&p->envelope);
	if (envelope_read(&p->envelope, snap_fd(snap), err) == -1 ||
	    complete_files(p, err) == -1 ||
	    layer_files_open(&p->layers, &p->envelope, root, snap, err) == -1 ||
	    layer_files_add_set(&p->layers, &p->envelope, snap, err) == -1 ||
	    take_signatures(p, err) == -1)
		return -1;
	for (i = 0; i < p->envelope.files_n; i++)
		if (check_file(p, &p->envelope.files[i], err) == -1)
			return -1;
	return 0;
}

void
push_init(struct push *p)
{
	memset(p, 0, sizeof(*p));
	p->notes_fd = -1;
}

int
push_look_back(struct push *p, const struct root *root, struct error *err)
{
	struct strv ids = { 0 };
	size_t i;
	int rc = -1;

	if (transport_dirfd(&p->to) == -1 && p->target->kind == REF_LAYOUT)
		return 0; /* it is only looked at, and not there */
	if (artifacts_place(&p->place, p->target, err) == -1 ||
	    artifacts_open(&p->notes_fd, root, !p->is_dry_run, err) == -1 ||
	    lineage_of(&ids, root, p->snap, err) == -1)
		goto out;
	for (i = 0; p->notes_fd != -1 && i < ids.n &&
	     p->ancestors_n < PUSH_ANCESTORS_MAX;
	     i++)
		p->ancestors_n += artifacts_find(&p->ancestors[p->ancestors_n],
		    p->notes_fd, ids.v[i], p->place);
	rc = 0;
out:
	strv_fini(&ids);
	return rc;
}

uint64_t
push_bytes(const struct push *p)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < p->envelope.files_n; i++)
		bytes += p->envelope.files[i].size_bytes;
	return bytes;
}

/* What the tag leads to now. */
static int
look_at_tag(struct push *p, struct error *err)
{
	struct error why = { 0 };

	if (transport_get_tag(&p->to, &p->old, p->target, &why) == 0) {
		p->has_old = true;
		return 0;
	}
	if (why.code == EX_NOINPUT)
		return 0;
	if (p->target->kind == REF_LAYOUT)
		parent_hint(&why, "push to another directory");
	if (err != NULL)
		*err = why;
	return -1;
}

/* A layer is what its digest says, and is as it was: 1, or 0, or -1. */
static int
keep_layer(struct packer *packer, const struct envelope_file *file,
    struct error *err)
{
	return file->has_digest ? packer_same(packer, file->name,
				      file->size_bytes, &file->digest, err)
				: 0;
}

/* Reads the file into packs; what it is must be what was saved. */
static int
push_file(struct push *p, struct packer *packer, struct envelope_file *file,
    struct error *err)
{
	int fd = layer_files_fd(&p->layers, file->name), own = -1, rc;
	struct digest digest;
	uint64_t size = file->size_bytes;

	if (fd != -1 && (rc = keep_layer(packer, file, err)) != 0)
		return rc == 1 ? 0 : -1;
	if (fd == -1) {
		if (manifest_open(&own, &size, snap_fd(p->snap), file->name,
			err) == -1)
			return -1;
		fd = own;
	}
	rc = manifest_check_size(file, size, err);
	if (rc == 0)
		rc = packer_file(packer, &digest, file->name, fd, size, err);
	fd_drop(&own);
	if (rc == -1)
		return -1;
	if (file->has_digest)
		return manifest_compare(file->name, size, &digest,
		    file->size_bytes, &file->digest, err);
	file->has_digest = true;
	file->size_bytes = size;
	file->digest = digest;
	return 0;
}

static int
push_files(struct push *p, struct packer *packer, struct error *err)
{
	size_t i;

	packer_show(packer, progress_show, &p->progress);
	for (i = 0; i < p->envelope.files_n; i++)
		if (push_file(p, packer, &p->envelope.files[i], err) == -1)
			return -1;
	return packer_end(packer, err);
}

static int
put_index(struct push *p, struct artifact *a, const struct page_index *x,
    struct error *err)
{
	unsigned char *raw;
	size_t len;
	int rc;

	if (page_index_encode(&raw, &len, x, err) == -1)
		return -1;
	rc = put_all(&p->to, p->is_dry_run, &a->index, raw, len, err);
	free(raw);
	return rc;
}

static int
put_envelope(struct push *p, struct artifact *a, struct error *err)
{
	char *text;
	size_t len;
	int rc;

	p->envelope.trailer = false;
	if (envelope_encode(&text, &len, &p->envelope, err) == -1)
		return -1;
	rc = put_all(&p->to, p->is_dry_run, &a->envelope, text, len, err);
	free(text);
	return rc;
}

/* Whether the tag leads to the manifest, and that is there. */
static bool
is_tagged(struct push *p)
{
	struct ref ref = *p->target;
	struct digest digest;
	char *text;
	size_t len;

	if (!p->has_old || !digest_equal(&p->old, &p->digest))
		return false;
	ref.has_digest = true;
	ref.digest = p->old;
	if (transport_get_manifest(&p->to, &text, &len, &digest, &ref, NULL) ==
	    -1)
		return false;
	free(text);
	return true;
}

/* What names all the rest, last; nothing is moved where the tag has it. */
static int
put_manifest(struct push *p, const struct artifact *a, struct error *err)
{
	char *text;
	size_t len;
	int rc = 0;

	if (artifact_encode(&text, &len, a, p->envelope.created_at, err) == -1)
		return -1;
	sha256_of(p->digest.raw, text, len);
	if (len > ARTIFACT_MANIFEST_MAX) {
		rc = error_set(err, EX_DATAERR, "manifest: above 4 MiB");
	} else if (is_tagged(p)) {
		p->to.there_bytes += len;
	} else if (p->is_dry_run) {
		p->to.moved_bytes += len;
		p->to.moved_n++;
	} else {
		hook_step("push-manifest");
		rc = transport_put_manifest(&p->to, p->target, text, len,
		    p->has_old ? &p->old : NULL, err);
	}
	free(text);
	return rc;
}

static int
push_all(struct push *p, struct packer *packer, struct error *err)
{
	struct artifact a;

	if (push_files(p, packer, err) == -1)
		return -1;
	a = *packer_artifact(packer); /* its parts are the packer's */
	a.signatures = p->signatures;
	p->depth = packer_index(packer)->depth;
	if (put_index(p, &a, packer_index(packer), err) == -1 ||
	    put_envelope(p, &a, err) == -1)
		return -1;
	return put_manifest(p, &a, err);
}

int
push_run(struct push *p, struct error *err)
{
	struct packer *packer = NULL;
	struct reader *parent;
	int rc = -1;

	if (look_at_tag(p, err) == -1 || parent_find(p, err) == -1)
		return -1;
	parent = p->parent.from == NULL ? NULL : &p->parent;
	if (packer_new(&packer, &p->to, p->is_dry_run, parent, err) == 0)
		rc = push_all(p, packer, err);
	else if (parent != NULL)
		parent_hint(err, PARENT_NONE);
	packer_free(packer);
	return rc;
}

int
push_note(const struct push *p, struct error *err)
{
	if (p->notes_fd == -1 || p->is_dry_run)
		return 0;
	return artifacts_note(p->notes_fd, snap_id(p->snap), p->place,
	    &p->digest, err);
}

void
push_fini(struct push *p)
{
	fd_drop(&p->notes_fd);
	free(p->signatures);
	free(p->place);
	progress_fini(&p->progress);
	reader_close(&p->parent);
	transport_close(&p->from);
	transport_close(&p->to);
	layer_files_fini(&p->layers);
	envelope_fini(&p->envelope);
}

int
push_report(json_t **out, const struct push *p, const char *ref,
    struct error *err)
{
	char digest[DIGEST_TEXT_MAX], parent[DIGEST_TEXT_MAX] = "";
	json_t *record = json_object();

	digest_text(digest, &p->digest);
	if (p->parent.from != NULL)
		digest_text(parent, &p->parent.digest);
	if (json_put_str(record, "ref", ref, err) == -1 ||
	    json_put_str(record, "digest", digest, err) == -1 ||
	    json_put_text(record, "parent", parent, err) == -1 ||
	    json_put_u64(record, "bytes_moved", p->to.moved_bytes, err) == -1 ||
	    json_put_u64(record, "bytes_shared",
		p->to.there_bytes + p->inherited_bytes, err) == -1 ||
	    json_put_u64(record, "blobs_moved", p->to.moved_n, err) == -1 ||
	    json_put_u64(record, "depth", p->depth, err) == -1) {
		json_decref(record);
		return -1;
	}
	*out = record;
	return 0;
}
