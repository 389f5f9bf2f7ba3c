/* SPDX-License-Identifier: ISC */
#include "export.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "archive/tar_head.h"
#include "base/fd.h"
#include "base/num.h"
#include "disk/digest.h"
#include "disk/digest_file.h"
#include "disk/verity.h"
#include "snapshot/manifest.h"
#include "snapshot/signature.h"
#include "snapshot/signed_part.h"
#include "snapshot/trailer.h"

static int
compare(const void *a, const void *b)
{
	return strcmp((*(struct envelope_file *const *)a)->name,
	    (*(struct envelope_file *const *)b)->name);
}

/* A snapshot of others may have no list of files: what is there, then. */
static int
complete_files(struct export *x, struct error *err)
{
	struct strv names = { 0 };
	size_t i;
	int rc = -1;

	if (x->envelope.has_files)
		return 0;
	if (snap_files(&names, x->snap, err) == -1)
		goto out;
	for (i = 0; i < names.n; i++)
		if (strcmp(names.v[i], ENVELOPE_TRAILER) != 0 &&
		    !signed_part_leaves_out(names.v[i]) &&
		    envelope_add_file(&x->envelope, names.v[i], err) == NULL)
			goto out;
	x->envelope.has_files = true;
	rc = 0;
out:
	strv_fini(&names);
	return rc;
}

static int
dir_of(const struct export *x, const char *name)
{
	return merge_dirfd(&x->merge, x->snap, name);
}

/* A file to be read; what is open is the caller's, but for layers. */
static int
open_file(int *fd, const struct export *x, const char *name, struct error *err)
{
	*fd = layer_files_fd(&x->layers, name);
	if (*fd != -1)
		return 0;
	return fd_open_file(fd, NULL, dir_of(x, name), name, O_RDONLY, err);
}

static void
close_file(int *fd, const struct export *x, const char *name)
{
	if (layer_files_fd(&x->layers, name) == -1)
		fd_drop(fd);
}

/* Size and digest of one file, as saved, against what is there. */
static int
check_file(struct export *x, struct envelope_file *f, uint64_t *size,
    struct error *err)
{
	int fd, rc;

	if (layer_files_fd(&x->layers, f->name) != -1) {
		*size = f->size_bytes;
		return 0;
	}
	if (manifest_open(&fd, size, dir_of(x, f->name), f->name, err) == -1)
		return -1;
	rc = manifest_check_size(f, *size, err);
	if (rc == 0 && !f->has_digest && !x->is_cocoon) {
		rc = digest_file(&f->digest, fd, *size, f->name, err);
		f->size_bytes = *size;
		f->has_digest = rc == 0;
	}
	fd_drop(&fd);
	return rc;
}

int
export_begin(struct export *x, const struct root *root, const struct snap *snap,
    const struct export_how *how, struct error *err)
{
	memset(x, 0, sizeof(*x));
	envelope_init(&x->envelope);
	x->snap = snap;
	x->is_cocoon = how->is_cocoon;
	if (envelope_read(&x->envelope, snap_fd(snap), err) == -1 ||
	    complete_files(x, err) == -1)
		return -1;
	if (how->with_layers &&
	    layer_files_open(&x->layers, &x->envelope, root, snap, err) == -1)
		return -1;
	if (!how->is_cocoon)
		return layer_files_add_set(&x->layers, &x->envelope, snap,
			   err) == -1
		    ? -1
		    : layer_files_add_signatures(&x->layers, &x->envelope, snap,
			  err);
	return merge_overlays(&x->merge, &x->envelope, root, snap, err);
}

int
export_prepare(struct export *x, struct error *err)
{
	struct envelope *e = &x->envelope;
	size_t i;

	x->order = calloc(e->files_n + 1, sizeof(*x->order));
	x->size_bytes = calloc(e->files_n + 1, sizeof(*x->size_bytes));
	if (x->order == NULL || x->size_bytes == NULL)
		return error_sys(err, EX_OSERR, "list of files");
	for (i = 0; i < e->files_n; i++)
		x->order[i] = &e->files[i];
	qsort(x->order, e->files_n, sizeof(*x->order), compare);
	for (i = 0; i < e->files_n; i++)
		if (check_file(x, x->order[i], &x->size_bytes[i], err) == -1)
			return -1;
	e->trailer = !x->is_cocoon;
	return 0;
}

void
export_fini(struct export *x)
{
	merge_fini(&x->merge);
	layer_files_fini(&x->layers);
	envelope_fini(&x->envelope);
	free(x->order);
	free(x->size_bytes);
	x->order = NULL;
	x->size_bytes = NULL;
}

static uint64_t
text_bytes(size_t len)
{
	return TAR_BLOCK + num_round_up(len, TAR_BLOCK);
}

int
export_estimate(struct export *x, bool is_dense, struct error *err)
{
	char line[TRAILER_LINE_MAX + 1], *text;
	uint64_t tar, data;
	size_t i, len, trailer;
	int fd, rc = 0;

	if (envelope_encode(&text, &len, &x->envelope, err) == -1)
		return -1;
	free(text);
	x->data_bytes = len;
	x->tar_bytes = text_bytes(len) + 2 * TAR_BLOCK;
	trailer = DIGEST_TEXT_MAX + sizeof(ENVELOPE_NAME);
	for (i = 0; i < x->envelope.files_n && rc == 0; i++) {
		if (open_file(&fd, x, x->order[i]->name, err) == -1)
			return -1;
		rc = archive_estimate(&tar, &data, fd, x->order[i]->name,
		    x->size_bytes[i], is_dense, err);
		close_file(&fd, x, x->order[i]->name);
		if (rc == 0) {
			x->tar_bytes += tar;
			x->data_bytes += data;
			trailer += trailer_line(line, &x->order[i]->digest,
			    x->order[i]->name);
		}
	}
	if (!x->is_cocoon)
		x->tar_bytes += text_bytes(trailer);
	return rc;
}

/* The envelope goes first; its digest is the first of the trailer. */
static int
write_envelope(struct export *x, struct archive_writer *w,
    struct digest *digest, struct error *err)
{
	struct verity *d = NULL;
	char *text;
	size_t len;
	int rc = -1;

	if (envelope_encode(&text, &len, &x->envelope, err) == -1)
		return -1;
	if (verity_new(&d, err) == 0 && verity_data(d, text, len, err) == 0) {
		verity_final(d, digest);
		rc = archive_writer_text(w, ENVELOPE_NAME, text, len, err);
	}
	verity_free(d);
	free(text);
	return rc;
}

static int
write_file(struct export *x, struct archive_writer *w, size_t i,
    struct error *err)
{
	const char *name = x->order[i]->name;
	int fd, rc;

	if (open_file(&fd, x, name, err) == -1)
		return -1;
	rc = archive_writer_file(w, name, fd, x->size_bytes[i], err);
	close_file(&fd, x, name);
	return rc;
}

/* The signatures, by which a reader knows whether it wants more, or the rest. */
static int
write_files(struct export *x, struct archive_writer *w, bool signatures,
    struct error *err)
{
	size_t i;

	for (i = 0; i < x->envelope.files_n; i++)
		if ((strcmp(x->order[i]->name, SIGNATURE_NAME) == 0) ==
			signatures &&
		    write_file(x, w, i, err) == -1)
			return -1;
	return 0;
}

/* By the names of the files, wherever they stand in the archive. */
static int
write_trailer(struct export *x, struct archive_writer *w,
    const struct digest *envelope, struct error *err)
{
	size_t i, len, cap = (x->envelope.files_n + 1) * TRAILER_LINE_MAX + 1;
	char *text = malloc(cap);
	int rc;

	if (text == NULL)
		return error_sys(err, EX_OSERR, ENVELOPE_TRAILER);
	len = trailer_line(text, envelope, ENVELOPE_NAME);
	for (i = 0; i < x->envelope.files_n; i++)
		len += trailer_line(text + len, &x->order[i]->digest,
		    x->order[i]->name);
	rc = archive_writer_text(w, ENVELOPE_TRAILER, text, len, err);
	free(text);
	return rc;
}

int
export_write(struct export *x, int fd, const char *what,
    const struct archive_how *how, uint64_t *bytes, struct error *err)
{
	struct archive_writer *w = NULL;
	struct digest envelope;
	int rc = -1;

	if (archive_writer_new(&w, fd, what, how, err) == -1 ||
	    write_envelope(x, w, &envelope, err) == -1)
		goto out;
	if (write_files(x, w, true, err) == -1 ||
	    write_files(x, w, false, err) == -1)
		goto out;
	if (!x->is_cocoon && write_trailer(x, w, &envelope, err) == -1)
		goto out;
	if (archive_writer_end(w, err) == -1)
		goto out;
	*bytes = archive_writer_bytes(w);
	rc = 0;
out:
	archive_writer_free(w);
	return rc;
}
