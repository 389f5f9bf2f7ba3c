/* SPDX-License-Identifier: ISC */
/* The trailer beside the files of an archive that somebody unpacked. */
#include "snapshot/trailer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "disk/digest_file.h"
#include "snapshot/manifest.h"

/* As trailer_next() found it: the file's digest, or the envelope's own. */
static int
check_line(const struct envelope *e, const char *name,
    const struct digest *digest, const struct digest *envelope,
    struct error *err)
{
	const struct envelope_file *file;
	const struct digest *want = envelope;

	if (strcmp(name, ENVELOPE_NAME) != 0) {
		file = envelope_find_file(e, name);
		if (file == NULL)
			return error_set(err, EX_DATAERR,
			    "%s: not among the files", name);
		want = file->has_digest ? &file->digest : digest;
	}
	return manifest_compare(name, 0, digest, 0, want, err);
}

static int
check_lines(const struct envelope *e, const char *text, size_t len,
    const struct digest *envelope, struct error *err)
{
	char name[PATH_NAME_MAX + 1], last[PATH_NAME_MAX + 1] = "";
	bool has_envelope = false;
	struct digest digest;
	size_t pos = 0, lines = 0;
	int more;

	while (
	    (more = trailer_next(&digest, name, &pos, text, len, err)) == 1) {
		if (check_line(e, name, &digest, envelope, err) == -1)
			return -1;
		if (strcmp(name, ENVELOPE_NAME) == 0) {
			has_envelope = true;
			continue;
		}
		/* In order, so none comes twice. */
		if (strcmp(last, name) >= 0)
			return error_set(err, EX_DATAERR, "%s: out of order",
			    name);
		memcpy(last, name, sizeof(last));
		lines++;
	}
	if (more == -1)
		return -1;
	return has_envelope && lines == e->files_n
	    ? 0
	    : error_set(err, EX_DATAERR, "does not name every file");
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
		err) == 0) {
		rc = check_lines(e, text, len, &digest, err);
		if (rc == -1)
			error_wrap(err, "%s", ENVELOPE_TRAILER);
	}
	if (rc == -1 && err != NULL && err->code == EX_NOINPUT)
		error_set(err, EX_DATAERR,
		    "%s: missing, though the envelope promises it",
		    ENVELOPE_TRAILER);
	free(text);
	fd_drop(&fd);
	return rc;
}
