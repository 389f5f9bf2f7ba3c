/* SPDX-License-Identifier: ISC */
#include "image.h"

#include <stdlib.h>

#include "registry/leaf.h"

/* A whole blob, from the cache or into it; one that cannot be kept is no fault. */
static int
get_blob(char **text, struct transport *from, struct cache *cache,
    const struct blob *blob, const char *what, struct error *err)
{
	size_t len;

	if (cache_load(cache, text, &len, &blob->digest, (size_t)blob->bytes)) {
		if (len == blob->bytes)
			return 0;
		free(*text);
	}
	if (transport_get_all(from, text, blob, what, err) == -1)
		return -1;
	cache_write(cache, *text, (size_t)blob->bytes, &blob->digest, 0, NULL);
	return 0;
}

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

	if (get_blob(&m->text, from, cache, blob, "envelope", err) == -1)
		return -1;
	m->text_len = (size_t)blob->bytes;
	if (envelope_decode(&m->envelope, m->text, m->text_len, err) == -1)
		return error_wrap(err, "envelope");
	if (m->envelope.created_at[0] == '\0')
		return 0;
	return rfc3339_parse(&m->created, m->envelope.created_at, err);
}

static int
get_index(struct image *m, struct transport *from, struct cache *cache,
    struct error *err)
{
	const struct part_list parts = image_parts(m);
	const struct blob *blob = &m->artifact.index;
	char *raw;
	int rc;

	if (get_blob(&raw, from, cache, blob, "index", err) == -1)
		return -1;
	rc = page_index_decode(&m->index, (unsigned char *)raw,
	    (size_t)blob->bytes, &parts, err);
	free(raw);
	if (rc == -1)
		return -1;
	return page_index_check(&m->index, &m->envelope, err);
}

int
image_open(struct image *out, struct transport *from, struct cache *cache,
    const struct ref *ref, struct error *err)
{
	struct image m = { .text = NULL };

	envelope_init(&m.envelope);
	if (get_manifest(&m, from, cache, ref, err) == -1 ||
	    get_envelope(&m, from, cache, err) == -1 ||
	    get_index(&m, from, cache, err) == -1) {
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
	envelope_fini(&image->envelope);
	artifact_fini(&image->artifact);
	free(image->text);
	image->text = NULL;
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
