/* SPDX-License-Identifier: ISC */
#include "image.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "registry/leaf.h"

static int
get_manifest(struct image *m, struct transport *from, struct cache *cache,
    const struct ref *ref, struct error *err)
{
	char *text;
	size_t len;
	int rc;

	/* What a tag leads to may have changed; a digest's is the same. */
	m->digest = ref->digest;
	if (!ref->has_digest ||
	    !cache_load(cache, &text, &len, &ref->digest,
		ARTIFACT_MANIFEST_MAX)) {
		if (transport_get_manifest(from, &text, &len, &m->digest, ref,
			err) == -1)
			return -1;
		cache_write(cache, text, len, &m->digest, 0, NULL);
	}
	rc = artifact_decode(&m->artifact, text, len, err);
	free(text);
	return rc;
}

static int
get_envelope(struct image *m, struct transport *from, struct cache *cache,
    struct error *err)
{
	const struct blob *blob = &m->artifact.envelope;

	if (!cache_load(cache, &m->text, &m->text_len, &blob->digest,
		(size_t)blob->bytes)) {
		if (transport_get_all(from, &m->text, blob, "envelope", err) ==
		    -1)
			return -1;
		m->text_len = (size_t)blob->bytes;
		cache_write(cache, m->text, m->text_len, &blob->digest, 0,
		    NULL);
	}
	if (envelope_decode(&m->envelope, m->text, m->text_len, err) == -1)
		return error_wrap(err, "envelope");
	if (m->envelope.created_at[0] == '\0')
		return 0;
	return rfc3339_parse(&m->created, m->envelope.created_at, err);
}

static bool
is_blob(const struct room *raw, const struct blob *blob)
{
	unsigned char got[SHA256_BYTES];

	sha256_of(got, raw->at, (size_t)blob->bytes);
	return memcmp(got, blob->digest.raw, sizeof(got)) == 0;
}

/* The whole index into *raw, a piece after the other. */
static int
fill_raw(const struct room *raw, struct transport *from, struct cache *cache,
    const struct blob *blob, struct error *err)
{
	unsigned char *p = raw->at;
	size_t off, n, len = (size_t)blob->bytes;

	if (cache_read(cache, p, len, &blob->digest, 0) && is_blob(raw, blob))
		return 0;
	for (off = 0; off < len; off += n) {
		n = len - off < RANGE_BYTES_MAX ? len - off : RANGE_BYTES_MAX;
		if (transport_get(from, p + off, n, blob, off, err) == -1)
			return error_wrap(err, "index");
		cache_write(cache, p + off, n, &blob->digest, off, NULL);
	}
	return is_blob(raw, blob)
	    ? 0
	    : error_set(err, EX_DATAERR, "index: differs from its digest");
}

static int
decode_index(struct image *m, const struct room *raw, int dirfd,
    struct error *err)
{
	const struct part_list parts = image_parts(m);
	size_t len = (size_t)m->artifact.index.bytes, n;

	n = page_index_room(raw->at, len);
	if (room_init(&m->groups, dirfd, n * sizeof(struct page_group), err) ==
		-1 ||
	    page_index_decode_in(&m->index, m->groups.at, n, raw->at, len,
		&parts, err) == -1 ||
	    page_index_check(&m->index, &m->envelope, err) == -1)
		return -1;
	room_rest(&m->groups);
	return 0;
}

static int
get_index(struct image *m, struct transport *from, struct cache *cache,
    int dirfd, struct error *err)
{
	struct room raw = { .at = NULL };
	int rc;

	if (room_init(&raw, dirfd, (size_t)m->artifact.index.bytes, err) == -1)
		return -1;
	rc = fill_raw(&raw, from, cache, &m->artifact.index, err);
	if (rc == 0)
		rc = decode_index(m, &raw, dirfd, err);
	room_fini(&raw);
	return rc;
}

int
image_open(struct image *out, struct transport *from, struct cache *cache,
    struct signers *signers, int dirfd, const struct ref *ref,
    struct error *err)
{
	struct image m = { .text = NULL };

	envelope_init(&m.envelope);
	if (get_manifest(&m, from, cache, ref, err) == -1 ||
	    get_envelope(&m, from, cache, err) == -1 ||
	    signers_check(signers, &m.envelope, m.artifact.signatures,
		image_signatures_bytes(&m), err) == -1 ||
	    get_index(&m, from, cache, dirfd, err) == -1) {
		image_fini(&m);
		return -1;
	}
	*out = m;
	return 0;
}

void
image_fini(struct image *image)
{
	page_index_fini(&image->index);
	room_fini(&image->groups);
	envelope_fini(&image->envelope);
	artifact_fini(&image->artifact);
	free(image->text);
	image->text = NULL;
}

size_t
image_signatures_bytes(const struct image *image)
{
	const char *text = image->artifact.signatures;

	return text == NULL ? 0 : strlen(text);
}

struct part_list
image_parts(const struct image *image)
{
	return (
	    struct part_list){ image->artifact.parts, image->artifact.parts_n };
}

uint64_t
image_bytes(const struct image *image)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < image->index.files_n; i++)
		sum += image->index.files[i].bytes;
	return sum;
}

uint64_t
image_data_bytes(const struct image *image, uint32_t file)
{
	const struct page_file *f = &image->index.files[file];
	uint64_t bytes = f->n * LEAF_GROUP, last;

	if (f->n == 0)
		return 0;
	/* The group that the file ends in may be shorter. */
	last = (image->index.groups[f->first + f->n - 1].number + UINT64_C(1)) *
	    LEAF_GROUP;
	return last > f->bytes ? bytes - (last - f->bytes) : bytes;
}
