/* SPDX-License-Identifier: ISC */
#include "archive/unpack_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/manifest.h"
#include "snapshot/signed_part.h"
#include "snapshot/trailer.h"

static struct unpacked *
find(const struct unpack *u, const char *name)
{
	size_t i;

	for (i = 0; i < u->files_n; i++)
		if (strcmp(u->files[i]->name, name) == 0)
			return u->files[i];
	return NULL;
}

/* The length of `name` if `msg` begins with it and a colon, else 0. */
static size_t
begins_with(const char *msg, const char *name)
{
	size_t len = strlen(name);

	return strncmp(msg, name, len) == 0 && strncmp(msg + len, ": ", 2) == 0
	    ? len
	    : 0;
}

/* Whether ": byte OFFSET of the tar: " is there, as the reader puts it. */
static bool
is_located(const char *text)
{
	if (strncmp(text, ": byte ", 7) != 0)
		return false;
	text += 7;
	text += strspn(text, "0123456789");
	return strncmp(text, " of the tar: ", 13) == 0;
}

int
unpack_locate(const struct unpack *u, struct error *err)
{
	uint64_t off = u->envelope_off;
	struct error inner;
	size_t len, n, i;

	if (err == NULL)
		return -1;
	inner = *err;
	len = begins_with(inner.msg, ENVELOPE_NAME);
	n = begins_with(inner.msg, ENVELOPE_TRAILER);
	if (n > len) {
		len = n;
		off = u->trailer_off;
	}
	for (i = 0; i < u->files_n; i++) {
		n = begins_with(inner.msg, u->files[i]->name);
		if (n > len) {
			len = n;
			off = u->files[i]->head_off;
		}
	}
	if (len == 0 || is_located(inner.msg + len))
		return -1;
	error_set(err, inner.code, "%.*s: byte %" PRIu64 " of the tar%s",
	    (int)len, inner.msg, off, inner.msg + len);
	err->sys = inner.sys;
	return -1;
}

/*
 * Something that only an archive of ours must get right: an error where the
 * trailer is promised, else a warning, the first of them.
 */
static int
put_up_with(struct unpack_check *c, const struct unpack *u, bool is_strict,
    const char *text, struct error *err)
{
	struct error e;

	if (is_strict)
		return error_set(err, EX_DATAERR, "%s", text);
	error_set(&e, EX_DATAERR, "%s", text);
	unpack_locate(u, &e);
	if (c->warning[0] == '\0')
		memcpy(c->warning, e.msg, sizeof(c->warning));
	return 0;
}

/* Every file that the envelope names is there, and is what was saved. */
static int
check_manifest(const struct envelope *e, const struct unpack_check *c,
    const struct unpack *u, struct error *err)
{
	const struct unpacked *file;
	size_t i;

	for (i = 0; i < e->files_n; i++) {
		file = find(u, e->files[i].name);
		if (file == NULL)
			return error_set(err, EX_DATAERR,
			    "%s: names %s, which is not in the archive",
			    ENVELOPE_NAME, e->files[i].name);
		if (e->files[i].has_digest &&
		    manifest_compare(file->name, file->size_bytes,
			&file->digest, e->files[i].size_bytes,
			&e->files[i].digest, err) == -1)
			return -1;
		if (c->need_digests && !e->files[i].has_digest)
			return error_set(err, EX_DATAERR,
			    "%s: no digest, and one is required",
			    e->files[i].name);
	}
	if (c->need_digests && !e->has_files)
		return error_set(err, EX_DATAERR,
		    "%s: no digests, and they are required", ENVELOPE_NAME);
	return 0;
}

/* Files that the envelope does not name join its list. */
static int
add_unlisted(struct envelope *e, struct unpack_check *c, const struct unpack *u,
    struct error *err)
{
	bool had_files = e->has_files;
	struct envelope_file *file;
	struct error text;
	size_t i;

	for (i = 0; i < u->files_n; i++) {
		file = envelope_find_file(e, u->files[i]->name);
		/* In a store's directory some lie beside the envelope. */
		if (file == NULL && had_files &&
		    (e->trailer ||
			!signed_part_leaves_out(u->files[i]->name))) {
			error_set(&text, EX_DATAERR,
			    "%s: in the archive, but not in the envelope",
			    u->files[i]->name);
			if (put_up_with(c, u, e->trailer || c->need_digests,
				text.msg, err) == -1)
				return -1;
		}
		if (file == NULL)
			file = envelope_add_file(e, u->files[i]->name, err);
		if (file == NULL)
			return -1;
		file->has_digest = true;
		file->size_bytes = u->files[i]->size_bytes;
		file->digest = u->files[i]->digest;
	}
	e->has_files = true;
	return 0;
}

static int
check_line(struct unpack *u, const char *name, const struct digest *digest,
    bool *has_envelope, struct error *err)
{
	struct unpacked *file;
	int rc;

	if (strcmp(name, ENVELOPE_NAME) == 0) {
		if (*has_envelope)
			return error_set(err, EX_DATAERR, "%s: names %s twice",
			    ENVELOPE_TRAILER, name);
		*has_envelope = true;
		rc = manifest_compare(name, u->envelope_len,
		    &u->envelope_digest, u->envelope_len, digest, err);
	} else {
		file = find(u, name);
		if (file == NULL)
			return error_set(err, EX_DATAERR,
			    "%s: names %s, which is not in the archive",
			    ENVELOPE_TRAILER, name);
		file->in_trailer = true;
		rc = manifest_compare(name, file->size_bytes, &file->digest,
		    file->size_bytes, digest, err);
	}
	return rc == -1 ? error_wrap(err, "%s", ENVELOPE_TRAILER) : 0;
}

/* A line for each entry, and an entry for each line. */
static int
check_trailer(struct unpack *u, struct error *err)
{
	char name[PATH_NAME_MAX + 1], last[PATH_NAME_MAX + 1] = "";
	bool has_envelope = false;
	struct digest digest;
	size_t pos = 0, i;
	int more;

	while ((more = trailer_next(&digest, name, &pos, u->trailer,
		    u->trailer_len, err)) == 1) {
		if (check_line(u, name, &digest, &has_envelope, err) == -1)
			return -1;
		if (strcmp(name, ENVELOPE_NAME) == 0)
			continue;
		/* In order, so none comes twice. */
		if (strcmp(last, name) >= 0)
			return error_set(err, EX_DATAERR,
			    "%s: %s is out of order", ENVELOPE_TRAILER, name);
		memcpy(last, name, sizeof(last));
	}
	if (more == -1)
		return error_wrap(err, "%s", ENVELOPE_TRAILER);
	if (!has_envelope)
		return error_set(err, EX_DATAERR, "%s: no line for %s",
		    ENVELOPE_TRAILER, ENVELOPE_NAME);
	for (i = 0; i < u->files_n; i++)
		if (!u->files[i]->in_trailer)
			return error_set(err, EX_DATAERR, "%s: no line for %s",
			    ENVELOPE_TRAILER, u->files[i]->name);
	return 0;
}

static int
check_disk(const struct envelope *e, const struct unpack *u, struct error *err)
{
	const struct unpacked *cow = find(u, "cow.raw");

	return cow == NULL ? 0
			   : manifest_check_storage(e, cow->size_bytes, err);
}

int
unpack_check(struct envelope *out, struct unpack_check *c, struct unpack *u,
    struct error *err)
{
	struct envelope e;

	if (u->envelope == NULL)
		return error_set(err, EX_DATAERR,
		    "byte %" PRIu64 " of the tar: no %s in the archive",
		    u->tar_bytes, ENVELOPE_NAME);
	envelope_init(&e);
	if (envelope_decode(&e, u->envelope, u->envelope_len, err) == -1)
		goto fail;
	if (e.trailer && u->trailer == NULL) {
		error_set(err, EX_DATAERR,
		    "%s: promises %s, which is not in the archive",
		    ENVELOPE_NAME, ENVELOPE_TRAILER);
		goto fail;
	}
	if (u->oddity[0] != '\0' &&
	    put_up_with(c, u, e.trailer, u->oddity, err) == -1)
		goto fail;
	if (check_manifest(&e, c, u, err) == -1 ||
	    (u->trailer != NULL && check_trailer(u, err) == -1) ||
	    add_unlisted(&e, c, u, err) == -1 || check_disk(&e, u, err) == -1)
		goto fail;
	e.trailer = false;
	*out = e;
	return 0;
fail:
	envelope_fini(&e);
	return unpack_locate(u, err);
}
