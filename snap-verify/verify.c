/* SPDX-License-Identifier: ISC */
#include "verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/sig.h"
#include "disk/digest.h"
#include "disk/digest_file.h"
#include "snapshot/trailer.h"

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

/* Tells a fault of `name`; its message is `why`. */
static void
fault(struct job *j, const char *name, const char *why)
{
	struct error line = { 0 };

	error_set(&line, EX_DATAERR, "%s: %s: %s", j->label, name, why);
	progress_fini(&j->progress);
	j->v->tell(line.msg);
	j->faults++;
}

/*
 * Compares an open file of `size` bytes with what is recorded: NULL in *why
 * when it is the same.
 */
static int
compare(const char **why, struct job *j, int fd, uint64_t size,
    uint64_t want_bytes, const struct digest *want, const char *name,
    struct error *err)
{
	struct digest digest;

	if (size != want_bytes) {
		*why = "another size than recorded";
		return 0;
	}
	if (digest_file(&digest, fd, size, name, err) == -1)
		return error_wrap(err, "%s", j->label);
	*why = digest_equal(&digest, want) ? NULL : "digest differs";
	j->done_bytes += size;
	progress_update(&j->progress, j->done_bytes);
	return 0;
}

static int
verify_file(struct job *j, const struct envelope_file *file, struct error *err)
{
	struct error why = { 0 };
	const char *text = NULL;
	uint64_t size;
	int fd, rc = 0;

	if (fd_open_file(&fd, &size, snap_fd(j->snap), file->name, O_RDONLY,
		&why) == -1) {
		if (why.code == EX_NOINPUT) {
			fault(j, file->name, "missing");
			return 0;
		}
		if (why.code == EX_DATAERR) {
			fault(j, file->name, "not a regular file");
			return 0;
		}
		if (err != NULL)
			*err = why;
		return error_wrap(err, "%s", j->label);
	}
	if (file->has_digest)
		rc = compare(&text, j, fd, size, file->size_bytes,
		    &file->digest, file->name, err);
	if (rc == 0 && text != NULL)
		fault(j, file->name, text);
	fd_drop(&fd);
	return rc;
}

/* Of an archive that somebody unpacked. */
static int
verify_trailer(struct job *j, struct error *err)
{
	struct error why = { 0 };

	if (trailer_check_dir(snap_fd(j->snap), snap_envelope(j->snap), &why) ==
	    0)
		return 0;
	error_wrap(&why, "%s", j->label);
	if (why.code != EX_DATAERR) {
		if (err != NULL)
			*err = why;
		return -1;
	}
	progress_fini(&j->progress);
	j->v->tell(why.msg);
	j->faults++;
	return 0;
}

/* What is there and not in the manifest, if there is one. */
static int
find_extra(struct job *j, struct error *err)
{
	const struct envelope *e = snap_envelope(j->snap);
	struct dirent *de;
	DIR *dir;
	int fd;

	/* Before there were manifests some wrote an empty one. */
	if (e->files_n == 0)
		return 0;
	if (fd_open_dir(&fd, snap_fd(j->snap), ".", false, err) == -1)
		return error_wrap(err, "%s", j->label);
	dir = fdopendir(fd);
	if (dir == NULL) {
		error_sys(err, EX_OSERR, "%s", j->label);
		fd_drop(&fd);
		return -1;
	}
	while (errno = 0, (de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    strcmp(de->d_name, ENVELOPE_NAME) != 0 &&
		    (!e->trailer ||
			strcmp(de->d_name, ENVELOPE_TRAILER) != 0) &&
		    envelope_find_file(e, de->d_name) == NULL)
			fault(j, de->d_name, "extra: not among its files");
	if (errno != 0) {
		error_sys(err, EX_IOERR, "%s", j->label);
		closedir(dir);
		return -1;
	}
	closedir(dir);
	return 0;
}

/* Whether a layer that is in the root is what its digest says. */
static int
verify_layer(struct job *j, const struct envelope_layer *layer,
    struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	struct error why = { 0 };
	const char *differs = NULL;
	uint64_t size;
	int fd, rc;

	digest_text(text, &layer->digest);
	if (!strv_has(&j->v->layers, text)) {
		if (root_layer_open(&fd, &size, j->v->root, &layer->digest,
			&why) == -1) {
			if (why.code == EX_NOINPUT)
				return 0;
			if (err != NULL)
				*err = why;
			return error_wrap(err, "%s", j->label);
		}
		rc = compare(&differs, j, fd, size, layer->size_bytes,
		    &layer->digest, layer->name, err);
		fd_drop(&fd);
		if (rc == -1 ||
		    strv_add(&j->v->layers, err, "%s", text) == -1 ||
		    (differs != NULL &&
			strv_add(&j->v->bad_layers, err, "%s", text) == -1))
			return -1;
	}
	if (strv_has(&j->v->bad_layers, text))
		fault(j, layer->name, "the layer differs from its digest");
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
	for (i = 0; layers && i < e->layers_n; i++)
		sum += e->layers[i].size_bytes;
	return sum;
}

int
verify_snap(size_t *faults, struct verify *v, const struct snap *snap,
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
	for (i = 0; v->root != NULL && i < e->layers_n; i++)
		if (sig_check(err) == -1 ||
		    verify_layer(&j, &e->layers[i], err) == -1)
			goto out;
	*faults = j.faults;
	rc = 0;
out:
	progress_fini(&j.progress);
	return rc;
}
