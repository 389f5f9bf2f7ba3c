/* SPDX-License-Identifier: ISC */
#include "parent.h"

#include <stdlib.h>

/* Parts that a push may add before it repacks: 32 GiB of new packs. */
#define PARTS_ROOM 64
#define COPY_BYTES (size_t)(1u << 20)

int
parent_hint(struct error *err, const char *text)
{
	struct error was;

	if (err == NULL || (err->code != EX_NOINPUT && err->code != EX_DATAERR))
		return -1;
	was = *err;
	return error_set(err, was.code, "%s (%s)", was.msg, text);
}

/* A part that only the parent's place has. */
static int
copy_part(struct push *p, const struct part *part, struct error *err)
{
	unsigned char *buf = malloc(COPY_BYTES);
	struct blob got;
	struct put put;
	uint64_t off;
	size_t n;
	int rc = -1;

	if (buf == NULL)
		return error_nomem(err, "part");
	if (put_begin(&put, &p->to, p->is_dry_run, err) == -1)
		goto out;
	for (off = 0; off < part->blob.bytes; off += n) {
		n = part->blob.bytes - off < COPY_BYTES
		    ? (size_t)(part->blob.bytes - off)
		    : COPY_BYTES;
		if (transport_get(&p->from, buf, n, &part->blob, off, err) ==
			-1 ||
		    put_data(&put, buf, n, err) == -1) {
			put_drop(&put);
			goto out;
		}
	}
	if (put_end(&put, &got, err) == -1)
		goto out;
	rc = digest_equal(&got.digest, &part->blob.digest)
	    ? 0
	    : error_set(err, EX_DATAERR, "differs from its digest");
out:
	free(buf);
	return rc;
}

/* One that the target has not got. */
static int
bring_part(struct push *p, const struct part *part, struct error *err)
{
	char text[DIGEST_TEXT_MAX];
	bool there;

	digest_text(text, &part->blob.digest);
	if (p->parent_ref == NULL)
		return error_set(err, EX_DATAERR,
		    "parent: its part %s is not there", text);
	if (transport_mount(&p->to, p->is_dry_run, &there, &part->blob,
		p->parent_ref, err) == -1)
		return -1;
	if (there) {
		p->inherited_bytes += part->blob.bytes;
		return 0;
	}
	return copy_part(p, part, err) == -1
	    ? error_wrap(err, "parent: part %s", text)
	    : 0;
}

/* The manifest will name all of the parent's parts: they are there. */
static int
keep_parts(struct push *p, struct error *err)
{
	const struct artifact *a = &p->parent.artifact;
	bool *there = calloc(a->parts_n + 1, sizeof(*there));
	size_t i;
	int rc;

	if (there == NULL)
		return error_nomem(err, "parts");
	rc = transport_has_all(&p->to, there, a->parts, a->parts_n, err);
	for (i = 0; i < a->parts_n && rc == 0; i++)
		if (there[i])
			p->inherited_bytes += a->parts[i].blob.bytes;
		else
			rc = bring_part(p, &a->parts[i], err);
	free(there);
	return rc;
}

/* Opens the artifact that is built on; of a chain that is too long none. */
static int
open_parent(struct push *p, struct transport *from, const struct ref *ref,
    struct error *err)
{
	if (reader_open(&p->parent, from, ref, err) == -1)
		return error_wrap(err, "parent");
	if (p->parent.index.depth >= PAGE_INDEX_DEPTH_MAX ||
	    p->parent.artifact.parts_n > PART_MAX - PARTS_ROOM) {
		reader_close(&p->parent);
		return 0;
	}
	return keep_parts(p, err);
}

/* One of the target, by its digest, so that it is what has been seen. */
static int
open_at_target(struct push *p, const struct digest *digest, struct error *err)
{
	struct ref ref = *p->target;

	ref.has_digest = true;
	ref.digest = *digest;
	return open_parent(p, &p->to, &ref, err);
}

/* The nearest ancestor that is still there: 1, 0 where there is none, -1. */
static int
open_ancestor(struct push *p, struct error *err)
{
	struct error why;
	size_t i;

	for (i = 0; i < p->ancestors_n; i++) {
		why.code = 0;
		if (open_at_target(p, &p->ancestors[i], &why) == 0)
			return 1;
		reader_close(&p->parent);
		p->inherited_bytes = 0;
		/* It was collected since, or a part of it. */
		if (why.code == EX_NOINPUT || why.code == EX_DATAERR)
			continue;
		if (err != NULL)
			*err = why;
		return -1;
	}
	return 0;
}

int
parent_find(struct push *p, struct error *err)
{
	int rc;

	if (p->has_no_parent)
		return 0;
	if (p->parent_ref != NULL)
		return open_parent(p, &p->from, p->parent_ref, err);
	rc = open_ancestor(p, err);
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	if (!p->has_old || open_at_target(p, &p->old, err) == 0)
		return 0;
	return parent_hint(err, PARENT_NONE);
}
