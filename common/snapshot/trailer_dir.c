/* SPDX-License-Identifier: ISC */
/* The trailer beside the files of an archive that somebody unpacked. */
#include "snapshot/trailer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "disk/digest_file.h"
#include "snapshot/manifest.h"
#include "snapshot/signed_part.h"

/* What is to be checked, and which lines have been met. */
struct check {
	const struct envelope *envelope;
	const struct digest *digest; /* the envelope's own */
	bool has_envelope;
	bool *has_file; /* by its place in the envelope */
};

/* As trailer_next() found it: the file's digest, or the envelope's own. */
static int
check_line(struct check *c, const char *name, const struct digest *digest,
    struct error *err)
{
	const struct digest *want = c->digest;
	const struct envelope_file *file;

	if (strcmp(name, ENVELOPE_NAME) == 0) {
		c->has_envelope = true;
	} else {
		file = envelope_find_file(c->envelope, name);
		if (file == NULL)
			return error_set(err, EX_DATAERR,
			    "%s: not among the files", name);
		c->has_file[file - c->envelope->files] = true;
		want = file->has_digest ? &file->digest : digest;
	}
	return manifest_compare(name, 0, digest, 0, want, err);
}

static int
check_lines(struct check *c, const char *text, size_t len, struct error *err)
{
	char name[PATH_NAME_MAX + 1], last[PATH_NAME_MAX + 1] = "";
	struct digest digest;
	size_t pos = 0, i;
	int more;

	while (
	    (more = trailer_next(&digest, name, &pos, text, len, err)) == 1) {
		if (check_line(c, name, &digest, err) == -1)
			return -1;
		if (strcmp(name, ENVELOPE_NAME) == 0)
			continue;
		/* In order, so none comes twice. */
		if (strcmp(last, name) >= 0)
			return error_set(err, EX_DATAERR, "%s: out of order",
			    name);
		memcpy(last, name, sizeof(last));
	}
	if (more == -1)
		return -1;
	if (!c->has_envelope)
		return error_set(err, EX_DATAERR, "no line for %s",
		    ENVELOPE_NAME);
	for (i = 0; i < c->envelope->files_n; i++)
		/* What was laid beside it since it was unpacked has none. */
		if (!c->has_file[i] &&
		    !signed_part_leaves_out(c->envelope->files[i].name))
			return error_set(err, EX_DATAERR, "no line for %s",
			    c->envelope->files[i].name);
	return 0;
}

static int
check_text(const struct envelope *e, const struct digest *envelope,
    const char *text, size_t len, struct error *err)
{
	struct check c = { .envelope = e, .digest = envelope };
	int rc = -1;

	c.has_file = calloc(e->files_n + 1, sizeof(*c.has_file));
	if (c.has_file == NULL)
		error_nomem(err, NULL);
	else
		rc = check_lines(&c, text, len, err);
	free(c.has_file);
	return rc == -1 ? error_wrap(err, "%s", ENVELOPE_TRAILER) : 0;
}

int
trailer_check_dir(int dirfd, const struct envelope *e, struct error *err)
{
	struct digest digest;
	char *text = NULL;
	uint64_t size;
	size_t len;
	int fd, rc = -1;

	if (fd_open_file(&fd, &size, dirfd, ENVELOPE_NAME, O_RDONLY, err) == -1)
		return -1;
	if (digest_file(&digest, fd, size, ENVELOPE_NAME, err) == 0 &&
	    fd_slurp(&text, &len, dirfd, ENVELOPE_TRAILER, TRAILER_BYTES_MAX,
		err) == 0)
		rc = check_text(e, &digest, text, len, err);
	if (rc == -1 && err != NULL && err->code == EX_NOINPUT)
		error_set(err, EX_DATAERR,
		    "%s: missing, though the envelope promises it",
		    ENVELOPE_TRAILER);
	free(text);
	fd_drop(&fd);
	return rc;
}
